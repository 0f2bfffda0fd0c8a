/**
 * Losers that are kept for somebody to look at: the conflicts of containers without a rule of their own.
 *
 * A loser may be covered later by a write whose origin had seen it lose. That write carries it along, so the
 * conflicts that an item has had are, like everything else of it, a function of the set of operations and not
 * of what a region happened to see: those that some operation carries, and the losers among the present
 * siblings, without those that were settled. A loser that was covered by somebody who knew nothing of its
 * rivals was replaced knowingly, and its replacement competes in its place.
 */
import { type Dot, sameDot } from '../causality/index.ts';
import {
  applyWrite,
  type ItemState,
  isMerged,
  ofPresentBases,
  type Settlement,
  type StoredPut,
  withPending,
} from './item-state.ts';
import type { ItemOperation, Loser, Settle } from './operation.ts';

/** The state after one more operation; `state` itself is not changed. */
export function applyOperation(state: ItemState, operation: ItemOperation): ItemState {
  if (operation.kind === 'settle') return withConflicts(state, state, operation);
  const next = applyWrite(state, operation);
  const isPlain = state.conflicts === undefined && state.settled === undefined;
  return isPlain && operation.losers === undefined ? next : withConflicts(state, next, operation);
}

/** The present losers that are to be kept; none for most items. */
export function losersOf({ siblings, ...rest }: ItemState): readonly Loser[] {
  if (siblings.length < 2 || isMerged({ siblings, ...rest })) return NONE;
  const [winner, ...others] = siblings;
  return others.filter((put) => put.keeps === true).map((put) => loserOf(put, winner));
}

/** Every conflict of the item that nobody has settled, by origin and n. */
export function conflictsOf(state: ItemState): readonly Loser[] {
  const present = losersOf(state);
  return sortedByDot(state.conflicts === undefined ? present : [...state.conflicts, ...present]);
}

const NONE: readonly Loser[] = [];

function loserOf({ dot, time, incarnation, body }: StoredPut, winner: StoredPut | undefined): Loser {
  return { dot, time, incarnation, isCreate: incarnation !== winner?.incarnation, body };
}

/**
 * `after` with the conflicts that it has once `operation` has been applied to `before`. Settled conflicts
 * leave the siblings too: they may not win later.
 */
function withConflicts(before: ItemState, after: ItemState, operation: ItemOperation): ItemState {
  const isSettle = operation.kind === 'settle';
  const marks = isSettle ? withMarks(before.settled ?? [], operation) : (before.settled ?? []);
  const isOpen = ({ dot }: { readonly dot: Dot }) => !marks.some(({ conflict }) => sameDot(conflict, dot));
  const known = [...(before.conflicts ?? [])];
  for (const loser of isSettle ? NONE : (operation.losers ?? NONE)) {
    if (!known.some(({ dot }) => sameDot(dot, loser.dot))) known.push(loser);
  }
  const siblings = isSettle ? after.siblings.filter(isOpen) : after.siblings;
  const pending = isSettle ? ofPresentBases(after.pending, siblings) : after.pending;
  const conflicts = sortedByDot(known.filter(isOpen));
  return withBook(withPending({ siblings, dead: after.dead }, pending), conflicts, marks);
}

/** The state without what collection may forget of conflicts: marks that are stable, and nothing else. */
export function collectConflicts(
  before: ItemState,
  after: ItemState,
  isStable: (dot: Dot) => boolean,
): ItemState {
  const { conflicts = [], settled = [] } = before;
  const marks = settled.filter((mark) => !mark.settles.every(isStable));
  if (after === before && marks.length === settled.length) return before;
  return withBook(after, conflicts, marks);
}

/** What is empty is left out, so that equal states are equal objects. */
function withBook(
  { siblings, dead, pending }: ItemState,
  conflicts: readonly Loser[],
  settled: readonly Settlement[],
): ItemState {
  return {
    ...withPending({ siblings, dead }, pending),
    ...(conflicts.length === 0 ? {} : { conflicts }),
    ...(settled.length === 0 ? {} : { settled }),
  };
}

function withMarks(marks: readonly Settlement[], { dot, conflicts }: Settle): Settlement[] {
  const next = [...marks];
  for (const conflict of conflicts) {
    const place = next.findIndex((mark) => sameDot(mark.conflict, conflict));
    const settles = [...(next[place]?.settles ?? []), dot].sort(compareDots);
    if (place < 0) next.push({ conflict, settles });
    else next[place] = { conflict, settles };
  }
  return next.sort((a, b) => compareDots(a.conflict, b.conflict));
}

function sortedByDot(losers: readonly Loser[]): readonly Loser[] {
  return losers.length < 2 ? losers : [...losers].sort((a, b) => compareDots(a.dot, b.dot));
}

function compareDots(a: Dot, b: Dot): number {
  return a.origin - b.origin || a.n - b.n;
}
