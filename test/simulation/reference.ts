import type { Dot, VersionVector } from '../../src/causality/index.ts';
import type { ItemOperation, Put } from '../../src/merge/index.ts';
import { beats } from '../kit/item-reference.ts';

/** What an item shows: a put, or what several concurrent patches make together, in the shape of one. */
export interface ModelPut extends Put {
  /** The patches; the body then is the item without system properties. */
  readonly parts?: readonly Dot[];
}

export type Fate =
  | { readonly kind: 'visible' }
  /** A later write or delete had seen it. */
  | { readonly kind: 'covered'; readonly by: Dot }
  /** Its incarnation was deleted, perhaps by somebody who had not seen it. */
  | { readonly kind: 'deleted'; readonly by: Dot }
  /** It lost a conflict against what is visible. */
  | { readonly kind: 'beaten'; readonly by: Dot };

/**
 * What became of a write, with the other write that is to blame; undefined when nothing explains its
 * absence.
 */
export function fateOf(
  put: Put,
  known: readonly ItemOperation[],
  shown: ModelPut | undefined,
): Fate | undefined {
  const visible = shown?.dot;
  if (shown?.parts?.some((part) => isSame(put.dot, part)) === true) return { kind: 'visible' };
  if (visible !== undefined && isSame(put.dot, visible)) return { kind: 'visible' };
  const killer = known.find((one) => one.kind === 'delete' && one.incarnations.includes(put.incarnation));
  if (killer !== undefined) return { kind: 'deleted', by: killer.dot };
  const successor = known.find((one) => one.context.covers(put.dot));
  if (successor !== undefined) return { kind: 'covered', by: successor.dot };
  const winner = known.find((one) => one.kind === 'put' && visible !== undefined && isSame(one.dot, visible));
  if (winner?.kind === 'put' && beats(winner, put)) return { kind: 'beaten', by: winner.dot };
  return undefined;
}

export function coveredBy(vector: VersionVector, operations: readonly ItemOperation[]): ItemOperation[] {
  return operations.filter((one) => vector.covers(one.dot));
}

function isSame(a: Dot, b: Dot): boolean {
  return a.origin === b.origin && a.n === b.n;
}
