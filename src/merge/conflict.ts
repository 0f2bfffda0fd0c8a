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
  hasConflictBook,
  type ItemState,
  isMerged,
  ofPresentBases,
  type Referral,
  type Settlement,
  type StoredPut,
  withPending,
} from './item-state.ts';
import type { ItemOperation, Loser, Refer, Settle } from './operation.ts';

/** The state after one more operation; `state` itself is not changed. */
export function applyOperation(state: ItemState, operation: ItemOperation): ItemState {
  if (operation.kind === 'refer') return withReferrals(state, operation);
  if (operation.kind === 'settle') return withConflicts(state, state, operation);
  const next = applyWrite(state, operation);
  const isPlain = !hasConflictBook(state);
  return isPlain && operation.losers === undefined ? next : withConflicts(state, next, operation);
}

/**
 * The present losers that are to be kept; none for most items. `isSuppressed`: the item as a whole has lost
 * against other items, over unique keys.
 */
export function losersOf(state: ItemState, isSuppressed = false): readonly Loser[] {
  if (!isSuppressed && (state.siblings.length < 2 || isMerged(state))) return NONE;
  const winner = isSuppressed ? undefined : state.siblings[0];
  const others = state.siblings.filter((put) => put !== winner && put.keeps === true);
  const losers = others.map((put) => loserOf(put, winner));
  return withReferred(losers, state.referred);
}

/** Every conflict of the item that nobody has settled, by origin and n. */
export function conflictsOf(state: ItemState, isSuppressed = false): readonly Loser[] {
  const present = losersOf(state, isSuppressed);
  if (state.conflicts === undefined) return sortedByDot(present);
  return sortedByDot([...withReferred(state.conflicts, state.referred), ...present]);
}

/**
 * A mark may be collected where its conflict is gone, while a region that still had the conflict carries it
 * along: so what is carried says by itself that it was referred.
 */
function withReferred(losers: readonly Loser[], referred: readonly Referral[] | undefined): readonly Loser[] {
  if (referred === undefined) return losers;
  const isMarked = ({ dot }: Loser) => referred.some(({ conflict }) => sameDot(conflict, dot));
  return losers.map((loser) => (isMarked(loser) ? { ...loser, isReferred: true } : loser));
}

const NONE: readonly Loser[] = [];

function loserOf({ dot, time, incarnation, body }: StoredPut, winner: StoredPut | undefined): Loser {
  return { dot, time, incarnation, isCreate: incarnation !== winner?.incarnation, body };
}

/**
 * `after` with the conflicts that it has once `operation` has been applied to `before`. Settled conflicts
 * leave the siblings too: they may not win later.
 */
function withConflicts(
  before: ItemState,
  after: ItemState,
  operation: Exclude<ItemOperation, Refer>,
): ItemState {
  const isSettle = operation.kind === 'settle';
  const marks = isSettle ? withMarks(before.settled ?? [], operation) : (before.settled ?? []);
  const isOpen = ({ dot }: { readonly dot: Dot }) => !marks.some(({ conflict }) => sameDot(conflict, dot));
  const known = [...(before.conflicts ?? [])];
  for (const loser of isSettle ? NONE : (operation.losers ?? NONE)) {
    const place = known.findIndex(({ dot }) => sameDot(dot, loser.dot));
    const before = known[place];
    if (before === undefined) known.push(loser);
    else known[place] = withBoth(before, loser);
  }
  const siblings = isSettle ? after.siblings.filter(isOpen) : after.siblings;
  const pending = isSettle ? ofPresentBases(after.pending, siblings) : after.pending;
  const conflicts = sortedByDot(known.filter(isOpen));
  // What was settled is no longer for anybody, whichever of the two arrived first.
  const referred = (before.referred ?? []).filter(({ conflict }) => isOpen({ dot: conflict }));
  return withBook(withPending({ siblings, dead: after.dead }, pending), conflicts, marks, referred);
}

/**
 * One loser, as two operations carry it: what either origin saw of it counts, whichever comes first. One may
 * have seen it lose against another version, the other against another item.
 */
function withBoth(one: Loser, other: Loser): Loser {
  const isCreate = one.isCreate || other.isCreate;
  const isReferred = one.isReferred === true || other.isReferred === true;
  return isReferred ? { ...one, isCreate, isReferred } : { ...one, isCreate };
}

/** The state in which conflicts that nobody has settled are for people to decide. */
function withReferrals(state: ItemState, { dot, conflicts }: Refer): ItemState {
  const { settled = [], conflicts: known = [] } = state;
  const next = [...(state.referred ?? [])];
  for (const conflict of conflicts) {
    if (settled.some((mark) => sameDot(mark.conflict, conflict))) continue;
    const place = next.findIndex((mark) => sameDot(mark.conflict, conflict));
    const refers = [...(next[place]?.refers ?? []), dot].sort(compareDots);
    if (place < 0) next.push({ conflict, refers });
    else next[place] = { conflict, refers };
  }
  const referred = next.sort((a, b) => compareDots(a.conflict, b.conflict));
  return withBook(state, known, settled, referred);
}

/**
 * The state without what collection may forget of conflicts: marks of the settled that are stable, and of the
 * referred once there is nothing left that they are about.
 */
export function collectConflicts(
  before: ItemState,
  after: ItemState,
  isStable: (dot: Dot) => boolean,
): ItemState {
  const { conflicts = [], settled = [], referred = [] } = before;
  const marks = settled.filter((mark) => !mark.settles.every(isStable));
  const present = [...conflicts, ...after.siblings];
  const referrals = referred.filter(
    ({ conflict, refers }) => !refers.every(isStable) || present.some(({ dot }) => sameDot(dot, conflict)),
  );
  const isSame = marks.length === settled.length && referrals.length === referred.length;
  return after === before && isSame ? before : withBook(after, conflicts, marks, referrals);
}

/** What is empty is left out, so that equal states are equal objects. */
function withBook(
  { siblings, dead, pending }: ItemState,
  conflicts: readonly Loser[],
  settled: readonly Settlement[],
  referred: readonly Referral[],
): ItemState {
  return {
    ...withPending({ siblings, dead }, pending),
    ...(conflicts.length === 0 ? {} : { conflicts }),
    ...(settled.length === 0 ? {} : { settled }),
    ...(referred.length === 0 ? {} : { referred }),
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
