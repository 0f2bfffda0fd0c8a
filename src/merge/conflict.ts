/**
 * Losers that are kept for somebody to look at: the conflicts of containers without a rule of their own.
 *
 * A loser may be covered later by a write whose origin had seen it lose. That write carries it along, so the
 * conflicts that an item has had are, like everything else of it, a function of the set of operations and not
 * of what a region happened to see: those that some operation carries, and the losers among the present
 * siblings, without those that were settled. A loser that was covered by somebody who knew nothing of its
 * rivals was replaced knowingly, and its replacement competes in its place.
 *
 * A write that a concurrent delete ended is one of them where its container has a procedure to decide: it is
 * *buried*, and like a sibling it stays for as long as no write covers it, and is carried along by who does.
 */
import { compareDots, type Dot, sameDot } from '../causality/index.ts';
import {
  applyWrite,
  hasConflictBook,
  type ItemState,
  isMerged,
  type Referral,
  type Settlement,
  type StoredPut,
  sorted,
  withPending,
} from './item-state.ts';
import type { ItemOperation, Loser, Refer, Settle } from './operation.ts';

/** The state after one more operation; `state` itself is not changed. */
export function applyOperation(state: ItemState, operation: ItemOperation): ItemState {
  if (operation.kind === 'refer') return withReferrals(state, operation);
  const maximal = withMaximal(state);
  if (operation.kind === 'settle') return withConflicts(state, maximal, operation);
  const next = applyWrite(maximal, operation);
  const ended = endedBy(state, operation);
  const isPlain = !hasConflictBook(state) && operation.losers === undefined && ended === NONE;
  return isPlain ? next : withConflicts(state, next, operation, ended);
}

/** With all maximal puts among the siblings: writes apply to them alike, settled or not. */
function withMaximal(state: ItemState): ItemState {
  const { siblings, withdrawn } = state;
  return withdrawn === undefined ? state : { ...state, siblings: sorted([...siblings, ...withdrawn]) };
}

/**
 * The present losers that are to be kept; none for most items. `isSuppressed`: the item as a whole has lost
 * against other items, over unique keys.
 */
export function losersOf(state: ItemState, isSuppressed = false): readonly Loser[] {
  const { siblings, buried, referred } = state;
  if (!isSuppressed && siblings.length < 2 && buried === undefined) return NONE;
  return withReferred([...(buried ?? NONE), ...losingSiblings(state, isSuppressed)], referred);
}

/** Every conflict of the item that nobody has settled, by origin and n. */
export function conflictsOf(state: ItemState, isSuppressed = false): readonly Loser[] {
  const present = losersOf(state, isSuppressed);
  if (state.conflicts === undefined) return sortedByDot(present);
  return sortedByDot([...withReferred(state.conflicts, state.referred), ...present]);
}

function losingSiblings(state: ItemState, isSuppressed: boolean): readonly Loser[] {
  if (!isSuppressed && (state.siblings.length < 2 || isMerged(state))) return NONE;
  const winner = isSuppressed ? undefined : state.siblings[0];
  const others = state.siblings.filter((put) => put !== winner && put.keeps === true);
  return others.map((put) => loserOf(put, winner));
}

/** What is to be kept of writes that a concurrent delete ends: `operation` is the one or the other. */
function endedBy(
  { siblings, dead }: ItemState,
  operation: Exclude<ItemOperation, Settle | Refer>,
): readonly Loser[] {
  if (operation.kind === 'expire') return NONE;
  if (operation.kind === 'put') {
    const { contestsDeletes, incarnation } = operation;
    const isEnded = contestsDeletes === true && dead.some((mark) => mark.incarnation === incarnation);
    return isEnded ? [buriedOf(operation)] : NONE;
  }
  const ended = siblings.filter(
    ({ contestsDeletes, dot, incarnation }) =>
      contestsDeletes === true &&
      operation.incarnations.includes(incarnation) &&
      !operation.context.covers(dot),
  );
  return ended.length === 0 ? NONE : ended.map(buriedOf);
}

function buriedOf({ dot, time, incarnation, body }: Omit<StoredPut, 'patch'>): Loser {
  // Whoever knows of a delete knew the item: what it ends is never the first of its incarnation.
  return { dot, time, incarnation, isCreate: false, isTombstone: true, body };
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
  ended: readonly Loser[] = NONE,
): ItemState {
  const isSettle = operation.kind === 'settle';
  const marks = isSettle ? withSettlements(before.settled ?? [], operation) : (before.settled ?? []);
  const isOpen = ({ dot }: { readonly dot: Dot }) => !marks.some(({ conflict }) => sameDot(conflict, dot));
  const known = [...(before.conflicts ?? [])];
  for (const loser of isSettle ? NONE : (operation.losers ?? NONE)) {
    const place = known.findIndex(({ dot }) => sameDot(dot, loser.dot));
    const other = known[place];
    if (other === undefined) known.push(loser);
    else known[place] = joined(other, loser);
  }
  const withdrawn = after.siblings.filter((put) => !isOpen(put));
  const siblings = withdrawn.length === 0 ? after.siblings : after.siblings.filter(isOpen);
  const conflicts = sortedByDot(known.filter(isOpen));
  const isLeft = (loser: Loser) => isOpen(loser) && (isSettle || !operation.context.covers(loser.dot));
  const buried = sortedByDot([...(before.buried ?? NONE).filter(isLeft), ...ended]);
  // What was settled is no longer for anybody, whichever of the two arrived first.
  const referred = (before.referred ?? []).filter(({ conflict }) => isOpen({ dot: conflict }));
  const writes = withPending({ siblings, dead: after.dead }, after.pending);
  return withBook(writes, { conflicts, buried, settled: marks, withdrawn, referred });
}

/**
 * One loser, as two operations carry it: what either origin saw of it counts, whichever comes first. One may
 * have seen it lose against another version, the other against a delete or another item.
 */
function joined(a: Loser, b: Loser): Loser {
  return {
    ...a,
    isCreate: a.isCreate || b.isCreate,
    ...(a.isReferred === true || b.isReferred === true ? { isReferred: true } : {}),
    ...(a.isTombstone === true || b.isTombstone === true ? { isTombstone: true } : {}),
  };
}

/** The state in which conflicts that nobody has settled are for people to decide. */
function withReferrals(state: ItemState, { dot, conflicts: named }: Refer): ItemState {
  const { settled = [], withdrawn = [], conflicts = [], buried = [] } = state;
  const isOpen = (conflict: Dot) => !settled.some((mark) => sameDot(mark.conflict, conflict));
  let { referred = [] } = state;
  for (const conflict of named.filter(isOpen)) {
    referred = withMark(referred, conflict, (known) => ({ conflict, refers: withDot(known?.refers, dot) }));
  }
  return withBook(state, { conflicts, buried, settled, withdrawn, referred });
}

/**
 * The state without what collection may forget of conflicts: the settled that everybody knows of, and marks
 * of the referred once there is nothing left that they are about. `collectWrites`: the same for writes, given
 * the withdrawn that stay.
 */
export function collectConflicts(
  before: ItemState,
  isStable: (dot: Dot) => boolean,
  collectWrites: (withdrawn: readonly StoredPut[]) => ItemState,
): ItemState {
  const { conflicts = [], buried = [], settled = [], withdrawn = [], referred = [] } = before;
  const marks = settled.filter((mark) => !mark.settles.every(isStable));
  // Whoever writes from here on knows that it was settled, and so neither patches nor covers it.
  const isMarked = ({ dot }: StoredPut) => marks.some(({ conflict }) => sameDot(conflict, dot));
  const kept = withdrawn.filter(isMarked);
  const after = collectWrites(kept);
  // Also of a write that is alone: the item as a whole may yet lose its unique values.
  const present = [...conflicts, ...buried, ...after.siblings];
  const referrals = referred.filter(
    ({ conflict, refers }) => !refers.every(isStable) || present.some(({ dot }) => sameDot(dot, conflict)),
  );
  const isSame = marks.length === settled.length && referrals.length === referred.length;
  if (after === before && isSame) return before;
  return withBook(after, { conflicts, buried, settled: marks, withdrawn: kept, referred: referrals });
}

interface ConflictBook {
  readonly conflicts: readonly Loser[];
  readonly buried: readonly Loser[];
  readonly settled: readonly Settlement[];
  readonly withdrawn: readonly StoredPut[];
  readonly referred: readonly Referral[];
}

/** What is empty is left out, so that equal states are equal objects. */
function withBook(
  { siblings, dead, pending }: ItemState,
  { conflicts, buried, settled, withdrawn, referred }: ConflictBook,
): ItemState {
  return {
    ...withPending({ siblings, dead }, pending),
    ...(conflicts.length === 0 ? {} : { conflicts }),
    ...(buried.length === 0 ? {} : { buried }),
    ...(settled.length === 0 ? {} : { settled }),
    ...(withdrawn.length === 0 ? {} : { withdrawn }),
    ...(referred.length === 0 ? {} : { referred }),
  };
}

function withSettlements(marks: readonly Settlement[], { dot, conflicts }: Settle): readonly Settlement[] {
  let next = marks;
  for (const conflict of conflicts) {
    next = withMark(next, conflict, (known) => ({ conflict, settles: withDot(known?.settles, dot) }));
  }
  return next;
}

/** The marks with the one of `conflict` made anew, by origin and n of their conflicts. */
function withMark<M extends { readonly conflict: Dot }>(
  marks: readonly M[],
  conflict: Dot,
  make: (known: M | undefined) => M,
): readonly M[] {
  const known = marks.find((mark) => sameDot(mark.conflict, conflict));
  const others = marks.filter((mark) => mark !== known);
  return [...others, make(known)].sort((a, b) => compareDots(a.conflict, b.conflict));
}

function withDot(dots: readonly Dot[] = [], dot: Dot): readonly Dot[] {
  return [...dots, dot].sort(compareDots);
}

function sortedByDot(losers: readonly Loser[]): readonly Loser[] {
  return losers.length < 2 ? losers : [...losers].sort((a, b) => compareDots(a.dot, b.dot));
}
