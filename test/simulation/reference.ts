import type { Dot, VersionVector } from '../../src/causality/index.ts';
import type { ItemOperation, Put } from '../../src/merge/index.ts';

/**
 * The specification of one item: no state and no order, just the set of operations that a region has. Written
 * apart from the product, so that the same mistake would have to be made twice.
 */
export function referenceVisible(known: readonly ItemOperation[]): Put | undefined {
  const dead = new Set(known.flatMap((one) => (one.kind === 'delete' ? one.incarnations : [])));
  let best: Put | undefined;
  for (const put of known) {
    if (put.kind !== 'put' || dead.has(put.incarnation)) continue;
    if (best !== undefined && !beats(put, best)) continue;
    if (!known.some((other) => other.context.covers(put.dot))) best = put;
  }
  return best;
}

/** Higher number, then any number before none, then later time, higher origin, higher n. */
export function beats(a: Put, b: Put): boolean {
  const [p, q] = [a.priority ?? Number.NEGATIVE_INFINITY, b.priority ?? Number.NEGATIVE_INFINITY];
  if (p !== q) return p > q;
  if (a.time !== b.time) return a.time > b.time;
  return a.dot.origin !== b.dot.origin ? a.dot.origin > b.dot.origin : a.dot.n > b.dot.n;
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
  visible: Dot | undefined,
): Fate | undefined {
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
