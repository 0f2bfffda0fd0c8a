import { assert, type ByteReader, type ByteWriter, type Json } from '../base/index.ts';
import { type Dot, VersionVector } from '../causality/index.ts';
import { decodePath, encodePath } from '../resource/index.ts';
import type { DeadIncarnation, ItemState, StoredPatch, StoredPut } from './item-state.ts';
import type { Loser } from './operation.ts';
import type { Counter, PendingEdit, PlacedEdit } from './pending-edit.ts';

/**
 * An item's state as bytes for the store. Nearly all items are settled and have their visible body in the
 * document record, so that case is short: about 20 bytes.
 *
 * Layout: flags, [numbers of siblings, dead and pending edits, unless settled], siblings, dead, pending.
 *   sibling: head (see `encodePutHead`), incarnation, [body]
 *   dead:    incarnation, number of deletes, (origin, n) of each
 *   conflicts, settled (when flagged): see `encodeLosers`; number, (conflict, settles) of each
 *   referred (when flagged): number, (conflict, refers) of each
 *   buried (when flagged): see `encodeLosers`
 *   withdrawn (when flagged): number, each as a sibling
 *   pending: kind, base, then a counter; or dot, index, context, priority, time, path, value, counters
 *   counter: path, terms, increments
 */
const FLAG_SETTLED = 1;
const FLAG_BODY_ELSEWHERE = 2;
const FLAG_CONFLICTS = 4;
const FLAG_REFERRED = 8;
const FLAG_BURIED = 16;
const FLAG_WITHDRAWN = 32;
const LOSER_CREATE = 1;
const LOSER_REFERRED = 2;
const LOSER_TOMBSTONE = 4;

/**
 * `withoutVisibleBody`: leaves out the body of the first sibling, if there is one; `decodeItemState` wants it
 * back.
 */
export function encodeItemState(
  writer: ByteWriter,
  state: ItemState,
  options: { readonly withoutVisibleBody?: boolean } = {},
): void {
  const { siblings, dead, pending = [], conflicts = [], settled = [], referred = [], buried = [] } = state;
  const { withdrawn = [] } = state;
  const hasConflicts = conflicts.length > 0 || settled.length > 0;
  const isSettled = siblings.length === 1 && dead.length === 0 && pending.length === 0;
  const isBodyElsewhere = options.withoutVisibleBody === true && siblings.length > 0;
  writer.u8(
    (isSettled ? FLAG_SETTLED : 0) |
      (isBodyElsewhere ? FLAG_BODY_ELSEWHERE : 0) |
      (hasConflicts ? FLAG_CONFLICTS : 0) |
      (referred.length > 0 ? FLAG_REFERRED : 0) |
      (buried.length > 0 ? FLAG_BURIED : 0) |
      (withdrawn.length > 0 ? FLAG_WITHDRAWN : 0),
  );
  if (!isSettled) writer.uint(siblings.length).uint(dead.length).uint(pending.length);
  for (const [place, sibling] of siblings.entries()) {
    encodePutHead(writer, sibling);
    writer.uint(sibling.incarnation);
    if (place > 0 || !isBodyElsewhere) writer.bytes(sibling.body);
  }
  for (const mark of dead) {
    writer.uint(mark.incarnation);
    encodeDots(writer, mark.deletes);
  }
  for (const edit of pending) encodePending(writer, edit);
  if (hasConflicts) {
    encodeLosers(writer, conflicts);
    encodeMarks(
      writer,
      settled.map(({ conflict, settles }) => [conflict, settles]),
    );
  }
  if (referred.length > 0) {
    encodeMarks(
      writer,
      referred.map(({ conflict, refers }) => [conflict, refers]),
    );
  }
  if (buried.length > 0) encodeLosers(writer, buried);
  if (withdrawn.length > 0) {
    writer.uint(withdrawn.length);
    for (const put of withdrawn) {
      encodePutHead(writer, put);
      writer.uint(put.incarnation).bytes(put.body);
    }
  }
}

/** A conflict, and the operations that dealt with it. */
type Mark = readonly [conflict: Dot, by: readonly Dot[]];

function encodeMarks(writer: ByteWriter, marks: readonly Mark[]): void {
  writer.uint(marks.length);
  for (const [conflict, by] of marks) {
    encodeDot(writer, conflict);
    encodeDots(writer, by);
  }
}

function decodeMarks(reader: ByteReader): Mark[] {
  const marks: Mark[] = [];
  for (let left = reader.uint(); left > 0; left--) marks.push([decodeDot(reader), decodeDots(reader)]);
  return marks;
}

/**
 * What `encodeItemState` wrote; bodies are views of the reader's bytes. `visibleBody` must be given exactly
 * when the state was written without it and has a sibling. @throws RangeError when the bytes end too early.
 */
export function decodeItemState(reader: ByteReader, visibleBody?: Uint8Array): ItemState {
  const flags = reader.u8();
  const isSettled = (flags & FLAG_SETTLED) !== 0;
  const isBodyElsewhere = (flags & FLAG_BODY_ELSEWHERE) !== 0;
  assert(isBodyElsewhere === (visibleBody !== undefined), 'the visible body is stored in exactly one place');
  const siblingCount = isSettled ? 1 : reader.uint();
  const deadCount = isSettled ? 0 : reader.uint();
  const pendingCount = isSettled ? 0 : reader.uint();
  const siblings: StoredPut[] = [];
  for (let place = 0; place < siblingCount; place++) {
    const head = decodePutHead(reader);
    const incarnation = reader.uint();
    const body = place === 0 && visibleBody !== undefined ? visibleBody : reader.bytes();
    siblings.push({ ...head, incarnation, body });
  }
  const dead: DeadIncarnation[] = [];
  for (let left = deadCount; left > 0; left--) {
    dead.push({ incarnation: reader.uint(), deletes: decodeDots(reader) });
  }
  const pending: PendingEdit[] = [];
  for (let left = pendingCount; left > 0; left--) pending.push(decodePending(reader));
  const state = pendingCount === 0 ? { siblings, dead } : { siblings, dead, pending };
  const booked = (flags & FLAG_CONFLICTS) === 0 ? state : { ...state, ...decodeConflicts(reader) };
  if ((flags & (FLAG_REFERRED | FLAG_BURIED | FLAG_WITHDRAWN)) === 0) return booked;
  const referred = (flags & FLAG_REFERRED) === 0 ? [] : decodeMarks(reader);
  return {
    ...booked,
    ...(referred.length === 0
      ? {}
      : { referred: referred.map(([conflict, refers]) => ({ conflict, refers })) }),
    ...((flags & FLAG_BURIED) === 0 ? {} : { buried: decodeLosers(reader) }),
    ...((flags & FLAG_WITHDRAWN) === 0 ? {} : { withdrawn: decodeWithdrawn(reader) }),
  };
}

function decodeWithdrawn(reader: ByteReader): StoredPut[] {
  const puts: StoredPut[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    puts.push({ ...decodePutHead(reader), incarnation: reader.uint(), body: reader.bytes() });
  }
  return puts;
}

function decodeConflicts(reader: ByteReader): Pick<ItemState, 'conflicts' | 'settled'> {
  const conflicts = decodeLosers(reader);
  const settled = decodeMarks(reader).map(([conflict, settles]) => ({ conflict, settles }));
  return {
    ...(conflicts.length === 0 ? {} : { conflicts }),
    ...(settled.length === 0 ? {} : { settled }),
  };
}

/**
 * Count, then of each: origin, n, time, incarnation, flags (1 = is a create, 2 = was referred, 4 = lost
 * against a delete), body.
 */
export function encodeLosers(writer: ByteWriter, losers: readonly Loser[]): void {
  writer.uint(losers.length);
  for (const { dot, time, incarnation, isCreate, isReferred, isTombstone, body } of losers) {
    const flags =
      (isCreate ? LOSER_CREATE : 0) |
      (isReferred === true ? LOSER_REFERRED : 0) |
      (isTombstone === true ? LOSER_TOMBSTONE : 0);
    encodeDot(writer, dot);
    writer.f64(time).uint(incarnation).u8(flags).bytes(body);
  }
}

/** Bodies are views of the reader's bytes. @throws RangeError when the bytes end too early. */
export function decodeLosers(reader: ByteReader): Loser[] {
  const losers: Loser[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    const dot = decodeDot(reader);
    const time = reader.f64();
    const incarnation = reader.uint();
    const flags = reader.u8();
    const isReferred = (flags & LOSER_REFERRED) === 0 ? {} : { isReferred: true as const };
    const isTombstone = (flags & LOSER_TOMBSTONE) === 0 ? {} : { isTombstone: true as const };
    const isCreate = (flags & LOSER_CREATE) !== 0;
    losers.push({ dot, time, incarnation, isCreate, ...isReferred, ...isTombstone, body: reader.bytes() });
  }
  return losers;
}

/** What a put is beside its incarnation and its body. */
export type PutHead = Omit<StoredPut, 'incarnation' | 'body'>;

const PUT_PRIORITY = 1;
const PUT_TTL = 2;
const PUT_PATCH = 4;
const PUT_CONTEXT = 8;
const PUT_MERGED = 16;
const PUT_KEEPS = 32;
const PUT_UNINDEXED = 64;
const PUT_CONTESTS_DELETES = 128;

/** Flags, origin, n, time, then by flags: priority, time to live + 1, base, context, merged dots. */
export function encodePutHead(writer: ByteWriter, put: PutHead): void {
  const { dot, time, priority, ttl, patch } = put;
  writer.u8(
    (priority === undefined ? 0 : PUT_PRIORITY) |
      (ttl === undefined ? 0 : PUT_TTL) |
      (patch === undefined ? 0 : PUT_PATCH) |
      (patch?.context === undefined ? 0 : PUT_CONTEXT) |
      (patch?.merged === undefined ? 0 : PUT_MERGED) |
      (put.keeps === true ? PUT_KEEPS : 0) |
      (put.isUnindexed === true ? PUT_UNINDEXED : 0) |
      (put.contestsDeletes === true ? PUT_CONTESTS_DELETES : 0),
  );
  encodeDot(writer, dot);
  writer.f64(time);
  if (priority !== undefined) writer.f64(priority);
  if (ttl !== undefined) writer.uint(ttl + 1);
  if (patch === undefined) return;
  encodeDot(writer, patch.base);
  patch.context?.encode(writer);
  if (patch.merged !== undefined) encodeDots(writer, patch.merged);
}

/** @throws RangeError when the bytes end too early. */
export function decodePutHead(reader: ByteReader): PutHead {
  const flags = reader.u8();
  const dot = decodeDot(reader);
  const time = reader.f64();
  const priority = (flags & PUT_PRIORITY) !== 0 ? reader.f64() : undefined;
  const ttl = (flags & PUT_TTL) !== 0 ? reader.uint() - 1 : undefined;
  const patch = (flags & PUT_PATCH) !== 0 ? decodePatch(reader, flags) : undefined;
  const head = { dot, time, priority, ttl, patch };
  if ((flags & (PUT_KEEPS | PUT_UNINDEXED | PUT_CONTESTS_DELETES)) === 0) return head;
  return {
    ...head,
    ...((flags & PUT_KEEPS) === 0 ? {} : { keeps: true }),
    ...((flags & PUT_UNINDEXED) === 0 ? {} : { isUnindexed: true }),
    ...((flags & PUT_CONTESTS_DELETES) === 0 ? {} : { contestsDeletes: true }),
  };
}

function decodePatch(reader: ByteReader, flags: number): StoredPatch {
  const base = decodeDot(reader);
  const context = (flags & PUT_CONTEXT) !== 0 ? VersionVector.decode(reader) : undefined;
  const merged = (flags & PUT_MERGED) !== 0 ? decodeDots(reader) : undefined;
  return { base, context, merged };
}

const PENDING_COUNT = 0;
const PENDING_SET = 1;
const PENDING_REMOVED = 2;

function encodePending(writer: ByteWriter, edit: PendingEdit): void {
  const isSet = edit.kind === 'placed' && edit.value !== undefined;
  writer.u8(edit.kind === 'count' ? PENDING_COUNT : isSet ? PENDING_SET : PENDING_REMOVED);
  encodeDot(writer, edit.base);
  if (edit.kind === 'count') {
    encodeCounter(writer, edit);
    return;
  }
  encodeDot(writer, edit.dot);
  writer.uint(edit.index);
  edit.context.encode(writer);
  writer.u8(edit.priority === undefined ? 0 : 1);
  if (edit.priority !== undefined) writer.f64(edit.priority);
  writer.f64(edit.time);
  encodePath(writer, edit.path);
  if (isSet) writer.string(JSON.stringify(edit.value));
  writer.uint(edit.counters.length);
  for (const counter of edit.counters) encodeCounter(writer, counter);
}

function decodePending(reader: ByteReader): PendingEdit {
  const kind = reader.u8();
  const base = decodeDot(reader);
  if (kind === PENDING_COUNT) return { kind: 'count', base, ...decodeCounter(reader) };
  const dot = decodeDot(reader);
  const index = reader.uint();
  const context = VersionVector.decode(reader);
  const priority = reader.u8() === 1 ? reader.f64() : undefined;
  const time = reader.f64();
  const path = decodePath(reader);
  const value = kind === PENDING_SET ? (JSON.parse(reader.string()) as Json) : undefined;
  const counters: Counter[] = [];
  for (let left = reader.uint(); left > 0; left--) counters.push(decodeCounter(reader));
  const own = { dot, index, context, priority, time, path, value, counters };
  return { kind: 'placed', base, ...own } satisfies PlacedEdit;
}

function encodeCounter(writer: ByteWriter, { path, terms, increments }: Counter): void {
  encodePath(writer, path);
  encodeTerms(writer, terms);
  encodeDots(writer, increments);
}

function decodeCounter(reader: ByteReader): Counter {
  return { path: decodePath(reader), terms: decodeTerms(reader), increments: decodeDots(reader) };
}

function encodeTerms(writer: ByteWriter, terms: readonly number[]): void {
  writer.uint(terms.length);
  for (const term of terms) writer.f64(term);
}

function decodeTerms(reader: ByteReader): number[] {
  const terms: number[] = [];
  for (let left = reader.uint(); left > 0; left--) terms.push(reader.f64());
  return terms;
}

function encodeDots(writer: ByteWriter, dots: readonly Dot[]): void {
  writer.uint(dots.length);
  for (const dot of dots) encodeDot(writer, dot);
}

function decodeDots(reader: ByteReader): Dot[] {
  const dots: Dot[] = [];
  for (let left = reader.uint(); left > 0; left--) dots.push(decodeDot(reader));
  return dots;
}

function encodeDot(writer: ByteWriter, { origin, n }: Dot): void {
  writer.uint(origin).uint(n);
}

function decodeDot(reader: ByteReader): Dot {
  return { origin: reader.uint(), n: reader.uint() };
}
