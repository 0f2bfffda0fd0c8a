import { isDeepStrictEqual } from 'node:util';
import type { Dot } from '../causality/index.ts';
import { valueAt } from '../resource/index.ts';
import { collectConflicts } from './conflict.ts';
import {
  compareWinners,
  type DeadIncarnation,
  EMPTY_ITEM,
  hasConflictBook,
  type ItemState,
  isMerged,
  ofPresentBases,
  parseItem,
  type StoredPut,
  visiblePut,
  withPending,
} from './item-state.ts';
import { type Counter, isSeenBy, withoutDone } from './pending-edit.ts';

type IsStable = (dot: Dot) => boolean;

/**
 * The state without what can no longer matter: losing siblings that are stable, marks of dead incarnations
 * whose deletes are all stable, and edits of patches that are stable. The same object when nothing can go,
 * undefined when nothing remains. Never changes what is visible, now or after any operations to come.
 *
 * `isStable(dot)` must mean: every operation that can still arrive here, or be written here, was made by
 * somebody who had applied `dot` (see StabilityTracker). Then
 *
 * - losers go together, once they and their winner are stable: whatever arrives later covers all of them and
 *   removes them in the same step. A stable loser alone can never win again, but it still tells what the
 *   others are: its delete, made without seeing the winner, leaves the winner to be merged with other patches
 *   of its base; and its patches, made without seeing the winner, go back to it.
 * - a stable delete ends its incarnation for good: whoever writes later has applied the delete, sees that
 *   incarnation no more, and so neither replaces it nor deletes it again. One stable delete would be
 *   enough; waiting for all keeps the plain rule that whatever is dropped is known to every member.
 * - patches that were merged stay until all of them are stable, and then are the one write that they make
 *   together: whoever writes later has merged the same. `mayGiveWay`, for items with unique keys: the item as
 *   a whole may lose yet, and each patch is one loser then, so those that are kept stay what they are.
 *
 * The winner stays, stable or not: it is the item. Losers that are kept for somebody to decide stay too.
 */
export function collect(state: ItemState, isStable: IsStable, mayGiveWay = false): ItemState | undefined {
  if (!hasConflictBook(state)) return collectWrites(state, isStable, mayGiveWay);
  const next = collectConflicts(state, isStable, (withdrawn) =>
    withdrawn.length > 0
      ? collectBeside(withdrawn, state, isStable)
      : collectRest(state, isStable, mayGiveWay),
  );
  const isEmpty = next.siblings.length === 0 && next.dead.length === 0;
  return isEmpty && !hasConflictBook(next) ? undefined : next;
}

/** What everybody has withdrawn is gone, and with it what only it went back to. */
function collectRest(state: ItemState, isStable: IsStable, mayGiveWay: boolean): ItemState {
  if (state.withdrawn === undefined) return collectWrites(state, isStable, mayGiveWay) ?? EMPTY_ITEM;
  const { siblings, dead, pending } = state;
  const rest = withPending({ siblings, dead }, ofPresentBases(pending, siblings));
  return collectWrites(rest, isStable, mayGiveWay) ?? EMPTY_ITEM;
}

/** Patches of the withdrawn may still arrive: edits stay as they would for siblings. */
function collectBeside(withdrawn: readonly StoredPut[], state: ItemState, isStable: IsStable): ItemState {
  const { siblings, pending } = state;
  const maximal = [...siblings, ...withdrawn];
  const dead = unstable(state.dead, isStable);
  const present = ofPresentBases(pending, maximal);
  const all = withPending(
    { siblings: maximal, dead },
    present?.length === pending?.length ? pending : present,
  );
  const left = maximal.length === 1 || isMerged(all) ? collectEdits(all, isStable).pending : all.pending;
  if (dead === state.dead && left === pending) return state;
  return withPending({ siblings, dead }, left);
}

function unstable(dead: readonly DeadIncarnation[], isStable: IsStable): readonly DeadIncarnation[] {
  const left = dead.filter((mark) => !mark.deletes.every(isStable));
  return left.length === dead.length ? dead : left;
}

function collectWrites(state: ItemState, isStable: IsStable, mayGiveWay: boolean): ItemState | undefined {
  const dead = unstable(state.dead, isStable);
  const stayApart = mayGiveWay && state.siblings[0]?.keeps === true;
  const next = isMerged(state)
    ? collectMerged({ ...state, dead }, isStable, stayApart)
    : collectOthers({ ...state, dead }, isStable);
  if (next.siblings.length === 0 && next.dead.length === 0) return undefined;
  const isSame =
    next.siblings === state.siblings && next.dead === state.dead && next.pending === state.pending;
  return isSame ? state : next;
}

function collectMerged(state: ItemState, isStable: IsStable, stayApart: boolean): ItemState {
  const { siblings, dead, pending } = state;
  if (!stayApart && siblings.every(({ dot }) => isStable(dot))) {
    const visible = visiblePut(state);
    if (visible?.patch !== undefined) return collectLast(visible, { siblings, dead, pending }, isStable);
  }
  return collectEdits({ siblings, dead, pending }, isStable);
}

/** When nothing can come that had not seen the one write that is left. */
function collectLast(only: StoredPut, { dead, pending }: ItemState, isStable: IsStable): ItemState {
  const patch = only.patch && { ...only.patch, context: undefined };
  return collectEdits({ siblings: [{ ...only, patch }], dead, pending }, isStable);
}

function collectOthers({ siblings, dead, pending }: ItemState, isStable: IsStable): ItemState {
  const [best, ...losers] = siblings;
  if (best === undefined) return { siblings, dead };
  if (losers.length === 0) return collectSingle(best, { siblings, dead, pending }, isStable);
  // A loser that somebody has to decide about may leave any day, and then only the others compete.
  const isOver = siblings.every(({ dot }) => isStable(dot)) && !losers.some(({ keeps }) => keeps === true);
  if (!isOver) return { siblings, dead, pending };
  if (best.patch === undefined) return { siblings: [best], dead };
  // It won as a whole write, so later patches go back to it and not to what it once was a patch of.
  const patch = { ...best.patch, base: best.dot, context: undefined };
  return { siblings: [{ ...best, patch }], dead };
}

function collectSingle(best: StoredPut, state: ItemState, isStable: IsStable): ItemState {
  if (best.patch?.context === undefined) return state;
  return isStable(best.dot) ? collectLast(best, state, isStable) : collectEdits(state, isStable);
}

function collectEdits({ siblings, dead, pending }: ItemState, isStable: IsStable): ItemState {
  if (pending === undefined) return { siblings, dead };
  const shown = siblings.map(({ dot, patch }) => ({ dot, context: patch?.context }));
  const left = withoutDone(
    pending,
    (dot) => isStable(dot) && shown.every((one) => isSeenBy(dot, one)),
    (counter) => siblings.every((one) => isShownBy(counter, one)),
    compareWinners,
  );
  return withPending({ siblings, dead }, isDeepStrictEqual(left, pending) ? pending : left);
}

/**
 * Not when the body cannot say the sum to the last bit: what it leaves out would be missing from the sum of
 * later increments in this region, and not in one that collects later.
 */
function isShownBy({ path, terms }: Counter, { body }: StoredPut): boolean {
  const value = valueAt(parseItem(body), path);
  return typeof value !== 'number' || (terms.length === 1 && value === terms[0]);
}
