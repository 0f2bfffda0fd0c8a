import { assert, ByteReader, ByteWriter } from '../base/index.ts';
import { type Dot, type HybridTime, VersionVector } from '../causality/index.ts';
import { LogDamagedError } from '../log/index.ts';
import { decodeLosers, encodeLosers, type ItemOperation } from '../merge/index.ts';
import { decodePathEdits, encodePathEdits } from '../resource/index.ts';

/**
 * One log entry: a replicated write in its one and only form, or all writes of one transaction. The bytes
 * that the origin appended are the bytes every region appends, so nothing is decoded and encoded again on the
 * way, and a transaction is whole wherever it is.
 *
 * Layout: format, kind, origin, n, context, time, then
 *   put, delete, settle, expiry, refer:  item key, fields
 *   transaction:  count, then for each change: kind, item key, length of the fields, fields
 * Fields of a put: incarnation, flags (1 = priority, 2 = patch, 4 = time to live, 8 = keeps, 16 = losers,
 * 32 = unindexed, 64 = contests deletes), [priority], [time to live + 1],
 * [patch: origin and n of its base, edits], [losers], body to the end;
 * of a delete: count, incarnations, [losers]; of an expiry: [losers]; of a settle or refer: count,
 * (origin, n) of each conflict.
 *
 * Format 1 had puts without patches or time to live, no transactions and no expiries; it reads like format 2.
 */
export interface Entry {
  /** One at least. All have the same dot, context and time; an item may be deleted and then put. */
  readonly changes: readonly Change[];
}

export interface Change {
  readonly itemKey: string;
  readonly operation: ItemOperation;
}

/** What can be told of an entry without reading its items. */
export interface EntryHead {
  readonly dot: Dot;
  readonly context: VersionVector;
  readonly time: HybridTime;
}

const FORMAT = 2;
const FORMAT_OLDEST = 1;
const KIND_PUT = 1;
const KIND_DELETE = 2;
const KIND_TRANSACTION = 3;
const KIND_SETTLE = 4;
const KIND_EXPIRY = 5;
const KIND_REFER = 6;
const FLAG_PRIORITY = 1;
const FLAG_PATCH = 2;
const FLAG_TTL = 4;
const FLAG_KEEPS = 8;
const FLAG_LOSERS = 16;
const FLAG_UNINDEXED = 32;
const FLAG_CONTESTS_DELETES = 64;
/** What few puts have. */
const MARKED = FLAG_KEEPS | FLAG_LOSERS | FLAG_UNINDEXED | FLAG_CONTESTS_DELETES;

const KINDS = {
  put: KIND_PUT,
  delete: KIND_DELETE,
  settle: KIND_SETTLE,
  expire: KIND_EXPIRY,
  refer: KIND_REFER,
} as const;

export function encodeEntry({ changes }: Entry): Buffer {
  const [first] = changes;
  assert(first !== undefined, 'an entry changes something');
  const { operation, itemKey } = first;
  const isSingle = changes.length === 1;
  const writer = new ByteWriter(96 + (isSingle ? itemKey.length + sizeOf(operation) : 4096));
  writer.u8(FORMAT).u8(isSingle ? kindOf(operation) : KIND_TRANSACTION);
  writer.uint(operation.dot.origin).uint(operation.dot.n);
  operation.context.encode(writer);
  writer.f64(operation.time);
  if (isSingle) {
    writer.string(itemKey);
    encodeFields(writer, operation);
    return writer.take();
  }
  writer.uint(changes.length);
  for (const change of changes) {
    assert(change.operation.dot.n === operation.dot.n, 'the changes of a transaction are one write');
    const fields = new ByteWriter(sizeOf(change.operation) + 32);
    encodeFields(fields, change.operation);
    writer.u8(kindOf(change.operation)).string(change.itemKey).bytes(fields.take());
  }
  return writer.take();
}

function kindOf(operation: ItemOperation): number {
  return KINDS[operation.kind];
}

function sizeOf(operation: ItemOperation): number {
  if (operation.kind === 'put') return operation.body.length;
  if (operation.kind === 'expire') return 0;
  return 16 * (operation.kind === 'delete' ? operation.incarnations : operation.conflicts).length;
}

function encodeFields(writer: ByteWriter, operation: ItemOperation): void {
  if (operation.kind === 'expire') {
    if (operation.losers !== undefined) encodeLosers(writer, operation.losers);
    return;
  }
  if (operation.kind === 'delete') {
    writer.uint(operation.incarnations.length);
    for (const incarnation of operation.incarnations) writer.uint(incarnation);
    // They end the entry, so their absence needs no byte.
    if (operation.losers !== undefined) encodeLosers(writer, operation.losers);
    return;
  }
  if (operation.kind !== 'put') {
    writer.uint(operation.conflicts.length);
    for (const { origin, n } of operation.conflicts) writer.uint(origin).uint(n);
    return;
  }
  const { incarnation, priority, ttl, patch, keeps, losers, body } = operation;
  const flags =
    (priority === undefined ? 0 : FLAG_PRIORITY) |
    (patch === undefined ? 0 : FLAG_PATCH) |
    (ttl === undefined ? 0 : FLAG_TTL) |
    (keeps === true ? FLAG_KEEPS : 0) |
    (losers === undefined ? 0 : FLAG_LOSERS) |
    (operation.isUnindexed === true ? FLAG_UNINDEXED : 0) |
    (operation.contestsDeletes === true ? FLAG_CONTESTS_DELETES : 0);
  writer.uint(incarnation).u8(flags);
  if (priority !== undefined) writer.f64(priority);
  if (ttl !== undefined) writer.uint(ttl + 1);
  if (patch !== undefined) {
    writer.uint(patch.base.origin).uint(patch.base.n);
    encodePathEdits(writer, patch.edits);
  }
  if (losers !== undefined) encodeLosers(writer, losers);
  writer.raw(body);
}

/** @throws LogDamagedError when the bytes are not an entry, or of an unknown format. */
export function peekEntry(bytes: Uint8Array): EntryHead {
  try {
    return readHead(new ByteReader(bytes)).head;
  } catch (error) {
    throw damaged(error);
  }
}

/** The entry; its bodies are views of `bytes`, not copies. @throws LogDamagedError as `peekEntry`. */
export function decodeEntry(bytes: Uint8Array): Entry {
  try {
    return readEntry(bytes);
  } catch (error) {
    throw damaged(error);
  }
}

/** Readers fail in many ways at what is no entry; callers have to know one. */
function damaged(error: unknown): LogDamagedError {
  if (error instanceof LogDamagedError) return error;
  return new LogDamagedError('log entry makes no sense', { cause: error });
}

function readEntry(bytes: Uint8Array): Entry {
  const reader = new ByteReader(bytes);
  const { kind, head } = readHead(reader);
  if (kind !== KIND_TRANSACTION) return { changes: [decodeChange(reader, reader, kind, head)] };
  const changes: Change[] = [];
  for (let left = reader.uint(); left > 0; left--) {
    const each = reader.u8();
    const itemKey = reader.string();
    changes.push({ itemKey, operation: decodeFields(new ByteReader(reader.bytes()), each, head) });
  }
  return { changes };
}

function decodeChange(keys: ByteReader, fields: ByteReader, kind: number, head: EntryHead): Change {
  const itemKey = keys.string();
  return { itemKey, operation: decodeFields(fields, kind, head) };
}

function decodeFields(reader: ByteReader, kind: number, head: EntryHead): ItemOperation {
  if (kind === KIND_DELETE) {
    const incarnations: number[] = [];
    for (let left = reader.uint(); left > 0; left--) incarnations.push(reader.uint());
    const rest = reader.rest();
    if (rest.length === 0) return { kind: 'delete', ...head, incarnations };
    return { kind: 'delete', ...head, incarnations, losers: decodeLosers(new ByteReader(rest)) };
  }
  if (kind === KIND_SETTLE || kind === KIND_REFER) {
    const conflicts: Dot[] = [];
    for (let left = reader.uint(); left > 0; left--)
      conflicts.push({ origin: reader.uint(), n: reader.uint() });
    return { kind: kind === KIND_SETTLE ? 'settle' : 'refer', ...head, conflicts };
  }
  if (kind === KIND_EXPIRY) {
    const rest = reader.rest();
    if (rest.length === 0) return { kind: 'expire', ...head };
    return { kind: 'expire', ...head, losers: decodeLosers(new ByteReader(rest)) };
  }
  if (kind !== KIND_PUT) throw new LogDamagedError(`a change in a log entry has unknown kind ${kind}`);
  const incarnation = reader.uint();
  const flags = reader.u8();
  const priority = (flags & FLAG_PRIORITY) !== 0 ? reader.f64() : undefined;
  const ttl = (flags & FLAG_TTL) !== 0 ? reader.uint() - 1 : undefined;
  const patch = (flags & FLAG_PATCH) !== 0 ? decodePatch(reader) : undefined;
  const losers = (flags & FLAG_LOSERS) !== 0 ? decodeLosers(reader) : undefined;
  const put = { kind: 'put' as const, ...head, incarnation, priority, ttl, patch, body: reader.rest() };
  if ((flags & MARKED) === 0) return put;
  const keeps = (flags & FLAG_KEEPS) === 0 ? undefined : (true as const);
  const isUnindexed = (flags & FLAG_UNINDEXED) === 0 ? undefined : (true as const);
  const contestsDeletes = (flags & FLAG_CONTESTS_DELETES) === 0 ? undefined : (true as const);
  return { ...put, keeps, losers, isUnindexed, contestsDeletes };
}

function decodePatch(reader: ByteReader) {
  const base = { origin: reader.uint(), n: reader.uint() };
  return { base, edits: decodePathEdits(reader) };
}

function readHead(reader: ByteReader): { kind: number; head: EntryHead } {
  const format = reader.u8();
  const kind = reader.u8();
  if (format < FORMAT_OLDEST || format > FORMAT || kind < KIND_PUT || kind > KIND_REFER) {
    throw new LogDamagedError(`log entry has unknown format ${format} or kind ${kind}`);
  }
  const dot = { origin: reader.uint(), n: reader.uint() };
  return { kind, head: { dot, context: VersionVector.decode(reader), time: reader.f64() } };
}
