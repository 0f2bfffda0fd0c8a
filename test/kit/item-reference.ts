import type { Json, JsonObject } from '../../src/base/index.ts';
import type { Dot } from '../../src/causality/index.ts';
import { exactSum, type ItemOperation, type Loser, type Patch, type Put } from '../../src/merge/index.ts';
import type { PathEdit } from '../../src/resource/index.ts';

/**
 * The specification of one item: no state and no order, just the set of operations that a region has. Written
 * apart from the product, so that the same mistake would have to be made twice.
 */
export interface ReferenceItem {
  /** The strongest of the puts that make the visible item. */
  readonly put: Put;
  /** All of them, when concurrent patches make it together, and then the item without system properties. */
  readonly merged: { readonly puts: readonly Put[]; readonly item: JsonObject } | undefined;
}

type PatchPut = Put & { readonly patch: Patch };

export function referenceVisible(known: readonly ItemOperation[]): ReferenceItem | undefined {
  return referenceOf(maximalPuts(known), known);
}

/** What people and procedures are shown of an item. `isSuppressed`: it lost its unique values to others. */
export function referenceConflicts(known: readonly ItemOperation[], isSuppressed = false): Loser[] {
  const isOpen = openIn(known);
  const maximal = maximalPuts(known);
  const visible = isSuppressed ? undefined : referenceOf(maximal, known);
  const losers: Loser[] = [];
  for (const one of known) if (isWrite(one)) losers.push(...(one.losers ?? []));
  for (const put of maximal) {
    // Patches that make the item together have not lost.
    if (put === visible?.put || visible?.merged !== undefined || put.keeps !== true) continue;
    losers.push(loserOf(put, put.incarnation !== visible?.put.incarnation));
  }
  const dead = endedIn(known);
  for (const one of known) {
    if (one.kind !== 'put' || one.contestsDeletes !== true || !dead.has(one.incarnation)) continue;
    if (!isCovered(one, known)) losers.push({ ...loserOf(one, false), isTombstone: true });
  }
  const referred = known.flatMap((one) => (one.kind === 'refer' ? one.conflicts : []));
  const byName = new Map<string, Loser>();
  for (const loser of losers.filter(isOpen)) {
    const name = `${loser.dot.origin}.${loser.dot.n}`;
    const all = [loser, ...[byName.get(name) ?? []].flat()];
    const isReferred = all.some((one) => one.isReferred) || referred.some((dot) => isSame(dot, loser.dot));
    byName.set(name, {
      ...loser,
      isCreate: all.some((one) => one.isCreate),
      ...(isReferred ? { isReferred } : {}),
      ...(all.some((one) => one.isTombstone) ? { isTombstone: true } : {}),
    });
  }
  return [...byName.values()].sort((a, b) => a.dot.origin - b.dot.origin || a.dot.n - b.dot.n);
}

function loserOf({ dot, time, incarnation, body }: Put, isCreate: boolean): Loser {
  return { dot, time, incarnation, isCreate, body };
}

/** Verdicts on conflicts replace nothing. */
function isWrite(one: ItemOperation): one is Exclude<ItemOperation, { kind: 'settle' | 'refer' }> {
  return one.kind !== 'settle' && one.kind !== 'refer';
}

function isCovered({ dot }: Put, known: readonly ItemOperation[]): boolean {
  return known.some((other) => isWrite(other) && other.context.covers(dot));
}

function endedIn(known: readonly ItemOperation[]): Set<number> {
  return new Set(known.flatMap((one) => (one.kind === 'delete' ? one.incarnations : [])));
}

/** Whether nobody has settled a write. */
function openIn(known: readonly ItemOperation[]): (one: { readonly dot: Dot }) => boolean {
  const settled = known.flatMap((one) => (one.kind === 'settle' ? one.conflicts : []));
  return ({ dot }) => !settled.some((other) => isSame(other, dot));
}

/** The puts that compete for the item. */
function maximalPuts(known: readonly ItemOperation[]): Put[] {
  const dead = endedIn(known);
  const isOpen = openIn(known);
  return known.filter(
    (put) => put.kind === 'put' && !dead.has(put.incarnation) && isOpen(put) && !isCovered(put, known),
  ) as Put[];
}

/** The same, for who keeps the maximal puts himself. */
export function referenceOf(
  maximal: readonly Put[],
  known: readonly ItemOperation[],
): ReferenceItem | undefined {
  let best: Put | undefined;
  for (const put of maximal) if (best === undefined || beats(put, best)) best = put;
  if (best === undefined) return undefined;
  const item = maximal.length > 1 ? mergedItem(maximal, known) : undefined;
  return { put: best, merged: item && { puts: maximal, item } };
}

/** Higher number, then any number before none, then later time, higher origin, higher n. */
export function beats(a: Put, b: Put): boolean {
  const [p, q] = [a.priority ?? Number.NEGATIVE_INFINITY, b.priority ?? Number.NEGATIVE_INFINITY];
  if (p !== q) return p > q;
  if (a.time !== b.time) return a.time > b.time;
  return a.dot.origin !== b.dot.origin ? a.dot.origin > b.dot.origin : a.dot.n > b.dot.n;
}

interface Edit {
  readonly by: PatchPut;
  readonly index: number;
  readonly edit: PathEdit;
}

/** Undefined when the puts are not all patches of one base that no other write has seen. */
function mergedItem(maximal: readonly Put[], known: readonly ItemOperation[]): JsonObject | undefined {
  const base = maximal[0]?.patch?.base;
  if (base === undefined) return undefined;
  const isOfBase = (one: ItemOperation): one is PatchPut =>
    one.kind === 'put' && one.patch !== undefined && isSame(one.patch.base, base);
  if (!maximal.every(isOfBase)) return undefined;
  if (known.some((one) => isWrite(one) && one.context.covers(base) && !isOfBase(one))) return undefined;
  const root = known.find((one) => one.kind === 'put' && isSame(one.dot, base));
  const edits = known
    .filter(isOfBase)
    .flatMap((by) => by.patch.edits.map((edit, index): Edit => ({ by, index, edit })));
  return replay(root?.kind === 'put' ? withoutSystem(root) : {}, edits);
}

function hasSeen(later: Edit, earlier: Edit): boolean {
  return later.by === earlier.by ? later.index > earlier.index : later.by.context.covers(earlier.by.dot);
}

function isAbove(over: Edit, under: Edit): boolean {
  const [a, b] = [over.edit.path, under.edit.path];
  return a.length <= b.length && a.every((name, place) => name === b[place]);
}

function replay(item: JsonObject, edits: readonly Edit[]): JsonObject {
  const placed = edits.filter(({ edit }) => edit.kind !== 'increment');
  const increments = edits.filter(({ edit }) => edit.kind === 'increment');
  for (const one of increments) if (!placed.some((over) => isAbove(over, one))) add(item, [], one);
  const maximal = placed.filter((one) => !placed.some((other) => hasSeen(other, one) && isAbove(other, one)));
  maximal.sort((a, b) => a.edit.path.length - b.edit.path.length || (beats(a.by, b.by) ? -1 : 1));
  const winners: Edit[] = [];
  for (const one of maximal) {
    const isBeaten = winners.some(
      (over) => isAbove(over, one) && !hasSeen(one, over) && over.by !== one.by && beats(over.by, one.by),
    );
    if (!isBeaten) winners.push(one);
  }
  for (const one of winners) {
    const holder: JsonObject = one.edit.kind === 'set' ? { value: structuredClone(one.edit.value) } : {};
    for (const more of increments) {
      if (isAbove(one, more) && hasSeen(more, one)) add(holder, one.edit.path, more);
    }
    place(item, one.edit.path, holder.value);
  }
  return item;
}

/** Adds to the number below `value` of a holder, or of the item itself when there is no `from`. */
function add(holder: JsonObject, from: readonly string[], { edit }: Edit): void {
  if (edit.kind !== 'increment') return;
  const inside = [...(from.length > 0 ? ['value'] : []), ...edit.path.slice(from.length)];
  const parent = inside.slice(0, -1).reduce<Json | undefined>(member, holder);
  const old = member(parent, inside.at(-1) ?? '');
  if (!isObject(parent) || (old !== undefined && typeof old !== 'number')) return;
  const name = inside.at(-1) ?? '';
  let ofParent = sums.get(parent);
  if (ofParent === undefined) {
    ofParent = new Map();
    sums.set(parent, ofParent);
  }
  const terms = [...(ofParent.get(name) ?? [old ?? 0]), edit.by];
  ofParent.set(name, terms);
  parent[name] = exactSum(terms)[0] ?? 0;
}

/** What was added so far, by object and member: rounding must not depend on the order. */
const sums = new WeakMap<JsonObject, Map<string, number[]>>();

function member(value: Json | undefined, name: string): Json | undefined {
  return isObject(value) ? value[name] : undefined;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Nothing where there is no object around the place. */
function place(item: JsonObject, path: readonly string[], value: Json | undefined): void {
  const parent = path.slice(0, -1).reduce<Json | undefined>(member, item);
  const name = path.at(-1) ?? '';
  if (!isObject(parent)) return;
  if (value === undefined) delete parent[name];
  else parent[name] = value;
}

export function withoutSystem({ body }: Pick<Put, 'body'>): JsonObject {
  const item = JSON.parse(Buffer.from(body).toString()) as JsonObject;
  for (const name of ['_rid', '_self', '_etag', '_attachments', '_ts']) delete item[name];
  return item;
}

function isSame(a: Dot, b: Dot): boolean {
  return a.origin === b.origin && a.n === b.n;
}
