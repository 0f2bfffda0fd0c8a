/**
 * Concurrent patches of one item, merged place by place.
 *
 * A patch goes back to a *base*: the whole write that the item was when it was first patched. As long as only
 * patches of one base compete, all of them count. What they did is kept as pending edits until every region
 * has it. Of edits of one place, or of a place inside another's:
 *
 * - one that had seen another replaces it if it is at the same place or around it, and else goes on top;
 * - of two that had not seen each other the one that ranks higher (`compareWinners`) wins what both touch;
 * - increments do not compete: they add to the value that they had seen, and are lost with it only.
 *
 * Which edits are pending is a function of the set of patches, not of their order, so an edit that lost
 * stays: it may still win when its winner is replaced by somebody who had not seen it.
 */
import type { Json, JsonObject } from '../base/index.ts';
import { type Dot, sameDot, type VersionVector } from '../causality/index.ts';
import { isAtOrAbove, type PathEdit, removeAt, setAt, valueAt } from '../resource/index.ts';
import { exactSum } from './exact-sum.ts';
import type { Put } from './operation.ts';

interface PendingPlace {
  readonly base: Dot;
  readonly path: readonly string[];
  /** Later increments that are part of it: the last of each origin. */
  readonly increments: readonly Dot[];
}

/** A place that a patch set or removed. */
export interface PlacedEdit extends PendingPlace {
  readonly kind: 'placed';
  /** Undefined when it was removed; increments that saw it are included. */
  readonly value: Json | undefined;
  /** The exact sums of the counters in the value. */
  readonly sums: readonly ExactCount[];
  readonly dot: Dot;
  /** Place among the edits of its patch. */
  readonly index: number;
  readonly context: VersionVector;
  readonly priority: number | undefined;
  readonly time: number;
}

/** A number of the base, increments included. */
export interface CountEdit extends PendingPlace {
  readonly kind: 'count';
  readonly terms: readonly number[];
}

export interface ExactCount {
  readonly path: readonly string[];
  readonly terms: readonly number[];
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
export function compareEdits(a: PendingEdit, b: PendingEdit): number {
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
  const placed = { kind: 'placed' as const, base: patch.base, path, increments: [], value, sums: [] };
  return [...left, { ...placed, dot, index, context, priority, time }];
}

function withIncrement(
  pending: readonly PendingEdit[],
  put: PatchPut,
  { path, by }: Extract<PathEdit, { kind: 'increment' }>,
  baseItem: () => JsonObject,
): readonly PendingEdit[] {
  const { base } = put.patch;
  let isReplaced = false;
  const next = pending.map((one) => {
    if (!sameDot(one.base, base)) return one;
    if (one.kind === 'placed' && isAtOrAbove(one.path, path)) {
      isReplaced = true;
      return hasSeen(put, one.dot) ? incremented(one, path, by, put.dot) : one;
    }
    return one;
  });
  // The number of the base is out of sight for good once anybody has set the place.
  if (isReplaced) return next;
  const place = next.findIndex(
    (one) => one.kind === 'count' && sameDot(one.base, base) && isSamePath(one.path, path),
  );
  const known = next[place];
  if (known?.kind === 'count') {
    const terms = exactSum([...known.terms, by]);
    next[place] = { ...known, terms, increments: withDot(known.increments, put.dot) };
    return next;
  }
  const before = valueAt(baseItem(), path);
  const terms = exactSum([typeof before === 'number' ? before : 0, by]);
  return [...next, { kind: 'count', base, path, terms, increments: [put.dot] }];
}

/** The value that a patch set, with one more increment inside. */
function incremented(one: PlacedEdit, path: readonly string[], by: number, dot: Dot): PlacedEdit {
  const inside = path.slice(one.path.length);
  // One place deeper, so that the value itself can be replaced.
  const holder: JsonObject = one.value === undefined ? {} : { value: structuredClone(one.value) };
  const current = valueAt(holder, ['value', ...inside]);
  // What stands in the way becomes an object, as it did where the increment was made: it saw one there.
  if (current !== undefined && typeof current !== 'number') return one;
  const known = one.sums.find((sum) => isSamePath(sum.path, path))?.terms ?? [current ?? 0];
  const terms = exactSum([...known, by]);
  setAt(holder, ['value', ...inside], terms[0] ?? 0);
  const others = one.sums.filter((sum) => !isSamePath(sum.path, path));
  const sums = [...others, { path, terms }].sort(comparePlaces);
  return { ...one, value: holder.value, sums, increments: withDot(one.increments, dot) };
}

/** The last of each origin is enough: whoever has it has those before. */
function withDot(dots: readonly Dot[], dot: Dot): readonly Dot[] {
  const others = dots.filter((one) => one.origin !== dot.origin);
  return [...others, dot].sort((a, b) => a.origin - b.origin);
}

/** A write that is being shown: which pending edits its body already has. */
export interface Shown {
  readonly dot: Dot;
  /** Undefined when it had seen everything. */
  readonly context: VersionVector | undefined;
}

/** Every write that made the edit what it is. */
export function dotsOf(edit: PendingEdit): readonly Dot[] {
  return edit.kind === 'placed' ? [edit.dot, ...edit.increments] : edit.increments;
}

export function isSeenBy(edit: PendingEdit, { dot, context }: Shown): boolean {
  return context === undefined || dotsOf(edit).every((one) => sameDot(one, dot) || context.covers(one));
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
  // Where something is new, the body may show what wins no more; and what stands on top of an edit has to be
  // done again after it.
  const fresh = pending.filter((one) => !isSeenBy(one, shown));
  const due = survivors.filter((one) => fresh.some((other) => touches(one, other)));
  const all = survivors.filter((one) => due.includes(one) || due.some((over) => isInside(one, over)));
  const waiting = new Set(all.sort(compareOrder));
  while (waiting.size > 0) {
    for (const edit of waiting) {
      if ([...waiting].some((over) => isInside(edit, over))) continue;
      waiting.delete(edit);
      if (edit.value === undefined) removeAt(item, edit.path);
      else setAt(item, edit.path, structuredClone(edit.value));
      break;
    }
  }
  // Also where nothing is new: the origin of the body added up in its own order, and rounded on the way.
  for (const { path, terms } of shownCounts(pending, compare)) setAt(item, path, terms[0] ?? 0);
}

/** The exact sums of all counters that are shown. */
export function shownCounts(pending: readonly PendingEdit[], compare: Ranking): ExactCount[] {
  const survivors = survivorsOf(pending, compare);
  const isCovered = ({ path }: ExactCount, from: readonly string[]) =>
    survivors.some(
      (over) =>
        over.path.length > from.length &&
        isAtOrAbove(from, over.path) &&
        (isAtOrAbove(over.path, path) || isAtOrAbove(path, over.path)),
    );
  const counts: ExactCount[] = [];
  for (const edit of pending) if (edit.kind === 'count' && !isCovered(edit, edit.path)) counts.push(edit);
  for (const edit of survivors) {
    for (const sum of edit.sums) if (!isCovered(sum, edit.path)) counts.push(sum);
  }
  return counts.sort(comparePlaces);
}

/** The edits that nothing beats. */
function survivorsOf(pending: readonly PendingEdit[], compare: Ranking): PlacedEdit[] {
  const placed = pending.filter((one) => one.kind === 'placed');
  placed.sort((a, b) => a.path.length - b.path.length || compare(b, a));
  const survivors: PlacedEdit[] = [];
  for (const edit of placed) {
    const isBeaten = survivors.some(
      (over) =>
        isAtOrAbove(over.path, edit.path) && !edit.context.covers(over.dot) && compare(over, edit) > 0,
    );
    if (!isBeaten) survivors.push(edit);
  }
  return survivors;
}

/** Whether one place is the other, or inside it. */
function touches(a: PendingEdit, b: PendingEdit): boolean {
  return isAtOrAbove(a.path, b.path) || isAtOrAbove(b.path, a.path);
}

function isInside(edit: PlacedEdit, over: PlacedEdit): boolean {
  return over.path.length < edit.path.length && isAtOrAbove(over.path, edit.path);
}

/** An order that goes with causality, whatever the clocks say: later edits knew of more writes. */
function compareOrder(a: PlacedEdit, b: PlacedEdit): number {
  return (
    a.context.total() - b.context.total() ||
    a.dot.origin - b.dot.origin ||
    a.dot.n - b.dot.n ||
    a.index - b.index
  );
}

function comparePlaces(a: { path: readonly string[] }, b: { path: readonly string[] }): number {
  const [one, other] = [JSON.stringify(a.path), JSON.stringify(b.path)];
  return one < other ? -1 : one === other ? 0 : 1;
}

function isSamePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && isAtOrAbove(a, b);
}

/**
 * The pending edits without those that every later write will have seen: see `collect`. Edits that touch each
 * other go together or not at all, since one that is gone could no longer hide another. `isDone`: stable, and
 * part of every sibling's body.
 */
export function withoutDone(
  pending: readonly PendingEdit[],
  isDone: (edit: PendingEdit) => boolean,
): readonly PendingEdit[] {
  const open = new Set(pending.filter((edit) => !isDone(edit)));
  if (open.size === pending.length) return pending;
  for (let hasGrown = true; hasGrown; ) {
    hasGrown = false;
    for (const edit of pending) {
      if (open.has(edit)) continue;
      for (const other of open) {
        if (!touches(edit, other)) continue;
        open.add(edit);
        hasGrown = true;
        break;
      }
    }
  }
  return open.size === pending.length ? pending : pending.filter((edit) => open.has(edit));
}
