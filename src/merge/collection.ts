import type { Dot } from '../causality/index.ts';
import type { ItemState } from './item-state.ts';

/**
 * The state without what can no longer matter: losing siblings that are stable, and marks of dead
 * incarnations whose deletes are all stable. The same object when nothing can go, undefined when nothing
 * remains. Never changes what is visible, now or after any operations to come.
 *
 * `isStable(dot)` must mean: every operation that can still arrive here, or be written here, was made by
 * somebody who had applied `dot` (see StabilityTracker). Then
 *
 * - a stable loser can never win again. Its rivals lose their place only to an operation that arrives later;
 *   that operation's context covers the loser too and removes it in the same step. This holds for each loser
 *   by itself, whatever becomes of the winner or the other losers, so they may go one by one, and regions
 *   may differ in when they let them go.
 * - a stable delete ends its incarnation for good: whoever writes later has applied the delete, sees that
 *   incarnation no more, and so neither replaces it nor deletes it again. One stable delete would be
 *   enough; waiting for all keeps the plain rule that whatever is dropped is known to every member.
 *
 * The winner stays, stable or not: it is the item.
 */
export function collect(state: ItemState, isStable: (dot: Dot) => boolean): ItemState | undefined {
  const siblings = state.siblings.filter((sibling, place) => place === 0 || !isStable(sibling.dot));
  const dead = state.dead.filter((mark) => !mark.deletes.every(isStable));
  if (siblings.length === 0 && dead.length === 0) return undefined;
  if (siblings.length === state.siblings.length && dead.length === state.dead.length) return state;
  return { siblings, dead };
}
