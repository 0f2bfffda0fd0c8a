/**
 * Concurrent patches of one item, merged place by place.
 *
 * A patch goes back to a *base*: the whole write that the item was when it was first patched. As long as only
 * patches of one base compete, all of them count. What they did is kept as pending edits until every region
 * has it. Of edits of one place, or of a place inside another's:
 *
 * - one that had seen another replaces it if it is at the same place or around it, and else goes on top;
 * - of two that had not seen each other the one that ranks higher (`compareWinners`) wins what both touch;
 * - one whose surroundings are no object any more has no effect: nothing is made up around it;
 * - increments do not compete: they add to the value that they had seen, and are lost with it only.
 *
 * Which edits are pending is a function of the set of patches, not of their order, so an edit that lost
 * stays: it may still win when its winner is replaced by somebody who had not seen it.
 */
import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { type Dot, sameDot, type VersionVector } from '../causality/index.ts';
import { isAtOrAbove, type PathEdit, removeAt, setAt, valueAt } from '../resource/index.ts';
import { exactSum } from './exact-sum.ts';
import type { Put } from './operation.ts';

/** A number that patches added to. */
export interface Counter {
  readonly path: readonly string[];
  /** Its exact sum, what it was before the first of them included: see `exactSum`. */
  readonly terms: readonly number[];
  /** The increments in it that are not done (see `withoutDone`): the last of each origin. */
  readonly increments: readonly Dot[];
}

/** A number of the base, increments included. */
interface CountEdit extends Counter {
  readonly kind: 'count';
  readonly base: Dot;
}

/** A place that a patch set or removed. */
export interface PlacedEdit {
  readonly kind: 'placed';
  readonly base: Dot;
  readonly path: readonly string[];
  /** As it was set; undefined when it was removed. */
  readonly value: Json | undefined;
  /** What increments that saw it made of the numbers in it, by place. */
  readonly counters: readonly Counter[];
  readonly dot: Dot;
  /** Place among the edits of its patch. */
  readonly index: number;
  readonly context: VersionVector;
  readonly priority: number | undefined;
  readonly time: number;
}

export type PendingEdit = PlacedEdit | CountEdit;

/**
 * The pending edits of a base with those of one more patch of it. `baseItem`: the item before, as any write
 * of that base shows it.
 */
export function withPatch(
  pending: readonly PendingEdit[],
  put: Put & { readonly patch: NonNullable<Put['patch']> },
  baseItem: () => JsonObject,
): readonly PendingEdit[] {
  let next = pending;
  for (const [index, edit] of put.patch.edits.entries()) {
    next =
      edit.kind === 'increment'
        ? withIncrement(next, put, edit, baseItem)
        : withPlaced(next, put, edit, index);
  }
  // In one order everywhere, whatever came first here.
  return next.length < 2 ? next : [...next].sort(compareEdits);
}

/** By base and place, then by write: pending edits stand in this order everywhere. */
function compareEdits(a: PendingEdit, b: PendingEdit): number {
  const byPlace = a.base.origin - b.base.origin || a.base.n - b.base.n || comparePlaces(a, b);
  if (byPlace !== 0 || a.kind === 'count' || b.kind === 'count') return byPlace;
  return a.dot.origin - b.dot.origin || a.dot.n - b.dot.n || a.index - b.index;
}

type PatchPut = Parameters<typeof withPatch>[1];

function hasSeen(put: Put, dot: Dot): boolean {
  return put.context.covers(dot) || sameDot(put.dot, dot);
}

function withPlaced(
  pending: readonly PendingEdit[],
  put: PatchPut,
  edit: Exclude<PathEdit, { kind: 'increment' }>,
  index: number,
): readonly PendingEdit[] {
  const { dot, context, priority, time, patch } = put;
  const { path } = edit;
  // Whoever sets a place had seen the base's number there, so all that was only added to that number is gone.
  const left = pending.filter(
    (one) =>
      !sameDot(one.base, patch.base) ||
      !isAtOrAbove(path, one.path) ||
      (one.kind === 'placed' && !hasSeen(put, one.dot)),
  );
  const value = edit.kind === 'set' ? edit.value : undefined;
  const placed = { kind: 'placed' as const, base: patch.base, path, value, counters: [] };
  return [...left, { ...placed, dot, index, context, priority, time }];
}

function withIncrement(
  pending: readonly PendingEdit[],
  put: PatchPut,
  { path, by }: Extract<PathEdit, { kind: 'increment' }>,
  baseItem: () => JsonObject,
): readonly PendingEdit[] {
  const { base } = put.patch;
  const more = { path, by, dot: put.dot };
  let isReplaced = false;
  const next = pending.map((one) => {
    if (one.kind === 'count' || !sameDot(one.base, base) || !isAtOrAbove(one.path, path)) return one;
    isReplaced = true;
    return hasSeen(put, one.dot) ? withIncrementInside(one, more) : one;
  });
  // The number of the base is out of sight for good once anybody has set the place.
  if (isReplaced) return next;
  const place = next.findIndex(
    (one) => one.kind === 'count' && sameDot(one.base, base) && isSamePath(one.path, path),
  );
  const known = next[place];
  if (known?.kind === 'count') {
    next[place] = { ...known, ...increased(known, more) };
    return next;
  }
  const before = valueAt(baseItem(), path);
  const terms = [typeof before === 'number' ? before : 0];
  return [...next, { kind: 'count', base, ...increased({ path, terms, increments: [] }, more) }];
}

/** Adds `by` to the number at `path`: part of the patch `dot`. */
interface Increment {
  readonly path: readonly string[];
  readonly by: number;
  readonly dot: Dot;
}

function withIncrementInside(one: PlacedEdit, more: Increment): PlacedEdit {
  const { path } = more;
  const before = one.value === undefined ? undefined : valueAt(one.value, path.slice(one.path.length));
  // Its origin saw a number there, in another edit that won; here it has nothing to add to.
  if (before !== undefined && typeof before !== 'number') return one;
  const known = one.counters.find((counter) => isSamePath(counter.path, path));
  const counter = increased(known ?? { path, terms: [before ?? 0], increments: [] }, more);
  const counters = one.counters.filter((other) => other !== known);
  return { ...one, counters: [...counters, counter].sort(comparePlaces) };
}

/** The last increment of each origin is enough: whoever has it has those before. */
function increased({ path, terms, increments }: Counter, { by, dot }: Increment): Counter {
  const others = increments.filter((one) => one.origin !== dot.origin);
  return {
    path,
    terms: exactSum([...terms, by]),
    increments: [...others, dot].sort((a, b) => a.origin - b.origin),
  };
}

/** A write that is being shown: which pending edits its body already has. */
export interface Shown {
  readonly dot: Dot;
  /** Undefined when it had seen everything. */
  readonly context: VersionVector | undefined;
}

export function isSeenBy(dot: Dot, shown: Shown): boolean {
  return shown.context === undefined || sameDot(dot, shown.dot) || shown.context.covers(dot);
}

/** Whether the body has all of an edit. */
export function isWithin(edit: PendingEdit, shown: Shown): boolean {
  const isSeen = (dot: Dot) => isSeenBy(dot, shown);
  if (edit.kind === 'count') return edit.increments.every(isSeen);
  return isSeen(edit.dot) && edit.counters.every(({ increments }) => increments.every(isSeen));
}

export type Ranking = (a: PlacedEdit, b: PlacedEdit) => number;

/** Brings the body of one of several competing patches, as `item`, to what all of them make together. */
export function applyPending(
  item: JsonObject,
  pending: readonly PendingEdit[],
  shown: Shown,
  compare: Ranking,
): void {
  const survivors = survivorsOf(pending, compare);
  const fresh = placedOf(pending).filter(({ dot }) => !isSeenBy(dot, shown));
  // New edits may have replaced what the body shows in their place, even those that lose: then what is around
  // them, and beats them, is put there again. Beside all that, what it may uncover.
  const around = survivors.filter((one) =>
    fresh.some((other) => isAtOrAbove(one.path, other.path) && !survivors.includes(other)),
  );
  const places = [...fresh, ...around];
  const due = survivors.filter((one) => places.some((other) => isAtOrAbove(other.path, one.path)));
  for (const { path, value } of due.sort(compareOrder)) {
    if (!isJsonObject(valueAt(item, path.slice(0, -1)))) continue;
    if (value === undefined) removeAt(item, path);
    else setAt(item, path, structuredClone(value));
  }
  // Also where nothing is new: the origin of the body added up in its own order, and rounded on the way.
  for (const { path, terms } of shownCounters(pending, survivors)) {
    if (isJsonObject(valueAt(item, path.slice(0, -1))) && isCountable(valueAt(item, path))) {
      setAt(item, path, terms[0] ?? 0);
    }
  }
}

function isCountable(value: Json | undefined): boolean {
  return value === undefined || typeof value === 'number';
}

/** What is counted in the base, and in its surviving edits that are `chosen`, unless another hides it. */
function shownCounters(
  pending: readonly PendingEdit[],
  survivors: readonly PlacedEdit[],
  chosen: (edit: PlacedEdit) => boolean = () => true,
): CountEdit[] {
  const counts = pending.filter((one) => one.kind === 'count');
  for (const edit of survivors.filter(chosen)) {
    const inside = survivors.filter((one) => one.path.length > edit.path.length);
    for (const counter of edit.counters) {
      if (inside.some(({ path }) => isAtOrAbove(path, counter.path))) continue;
      counts.push({ kind: 'count', base: edit.base, ...counter });
    }
  }
  return counts.sort(comparePlaces);
}

/** The edits that nothing beats. */
function survivorsOf(pending: readonly PendingEdit[], compare: Ranking): PlacedEdit[] {
  const placed = placedOf(pending);
  placed.sort((a, b) => a.path.length - b.path.length || compare(b, a));
  const survivors: PlacedEdit[] = [];
  for (const edit of placed) {
    const isBeaten = survivors.some(
      (over) => isAtOrAbove(over.path, edit.path) && !isSeenBy(over.dot, edit) && compare(over, edit) > 0,
    );
    if (!isBeaten) survivors.push(edit);
  }
  return survivors;
}

function placedOf(pending: readonly PendingEdit[]): PlacedEdit[] {
  return pending.filter((one) => one.kind === 'placed');
}

/** From the outside in, and then an order that goes with causality whatever the clocks say. */
function compareOrder(a: PlacedEdit, b: PlacedEdit): number {
  return (
    a.path.length - b.path.length ||
    // Later edits knew of more writes.
    a.context.total() - b.context.total() ||
    a.dot.origin - b.dot.origin ||
    a.dot.n - b.dot.n ||
    a.index - b.index
  );
}

type Place = Pick<Counter, 'path'>;

function comparePlaces(a: Place, b: Place): number {
  const [one, other] = [JSON.stringify(a.path), JSON.stringify(b.path)];
  return one < other ? -1 : one === other ? 0 : 1;
}

function isSamePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && isAtOrAbove(a, b);
}

/**
 * The pending edits of one base without what is done: see `collect`. `isDone`: stable, and seen by every
 * sibling, so that nobody can come who had not seen it. `isShown`: whether every sibling's body says the
 * counter to the last bit, or does not show it.
 *
 * What is left depends on the set of patches and on what is done, but not on what was collected before. So
 * whoever comes after an edit was dropped finds the same pending edits as where it was not:
 *
 * - an edit stays with what it may still beat, and inside what stays: put there again, that would bury it;
 * - whoever comes later has seen an edit that is done: it can only go on top, or replace it;
 * - increments that are not done outlive the edit in which they count, as counts of the base.
 */
export function withoutDone(
  pending: readonly PendingEdit[],
  isDone: (dot: Dot) => boolean,
  isShown: (counter: Counter) => boolean,
  compare: Ranking,
): readonly PendingEdit[] {
  const open = openEdits(placedOf(pending), isDone);
  const withUndone = <T extends Counter>(counter: T): T => {
    const increments = counter.increments.filter((dot) => !isDone(dot));
    return increments.length === counter.increments.length ? counter : { ...counter, increments };
  };
  const left: PendingEdit[] = [];
  for (const edit of open) left.push({ ...edit, counters: edit.counters.map(withUndone) });
  const counts = shownCounters(pending, survivorsOf(pending, compare), (edit) => !open.has(edit));
  for (const count of counts.map(withUndone)) {
    if (count.increments.length > 0 || !isShown(count)) left.push(count);
  }
  return left.sort(compareEdits);
}

/** The edits that are not done, and those that have to stay with them. */
function openEdits(placed: readonly PlacedEdit[], isDone: (dot: Dot) => boolean): Set<PlacedEdit> {
  const open = new Set(placed.filter(({ dot }) => !isDone(dot)));
  const hasToStay = (edit: PlacedEdit) => {
    for (const other of open) {
      if (isAtOrAbove(other.path, edit.path)) return true;
      if (isAtOrAbove(edit.path, other.path) && !isSeenBy(edit.dot, other)) return true;
    }
    return false;
  };
  for (let size = -1; size !== open.size; ) {
    size = open.size;
    for (const edit of placed) if (!open.has(edit) && hasToStay(edit)) open.add(edit);
  }
  return open;
}
