import { assert, ByteReader, ByteWriter } from '../base/index.ts';
import { type Dot, type HybridTime, VersionVector } from '../causality/index.ts';
import { LogDamagedError } from '../log/index.ts';
import type { ItemOperation } from '../merge/index.ts';

/**
 * One log entry: a replicated write in its one and only form. The bytes that the origin appended are the
 * bytes every region appends, so nothing is decoded and encoded again on the way.
 *
 * Layout: format, kind, origin, n, context, time, item key, then by kind
 *   put:    incarnation, flags (1 = has priority), [priority], body to the end
 *   delete: count, incarnations
 */
export interface Entry {
  readonly itemKey: string;
  readonly operation: ItemOperation;
}

/** What can be told of an entry without reading its item. */
export interface EntryHead {
  readonly dot: Dot;
  readonly context: VersionVector;
  readonly time: HybridTime;
}

const FORMAT = 1;
const KIND_PUT = 1;
const KIND_DELETE = 2;
const FLAG_PRIORITY = 1;

export function encodeEntry(entry: Entry): Buffer {
  const { operation, itemKey } = entry;
  const bodyBytes = operation.kind === 'put' ? operation.body.length : 16 * operation.incarnations.length;
  const writer = new ByteWriter(96 + itemKey.length + bodyBytes);
  writer.u8(FORMAT).u8(operation.kind === 'put' ? KIND_PUT : KIND_DELETE);
  writer.uint(operation.dot.origin).uint(operation.dot.n);
  operation.context.encode(writer);
  writer.f64(operation.time).string(itemKey);
  if (operation.kind === 'put') {
    writer.uint(operation.incarnation).u8(operation.priority === undefined ? 0 : FLAG_PRIORITY);
    if (operation.priority !== undefined) writer.f64(operation.priority);
    writer.raw(operation.body);
  } else {
    writer.uint(operation.incarnations.length);
    for (const incarnation of operation.incarnations) writer.uint(incarnation);
  }
  return writer.finish();
}

/** @throws LogDamagedError when the bytes are not an entry of a known format. */
export function peekEntry(bytes: Uint8Array): EntryHead {
  return readHead(new ByteReader(bytes)).head;
}

/** The entry; its body is a view of `bytes`, not a copy. @throws LogDamagedError as `peekEntry`. */
export function decodeEntry(bytes: Uint8Array): Entry {
  const reader = new ByteReader(bytes);
  const { kind, head } = readHead(reader);
  const itemKey = reader.string();
  if (kind === KIND_DELETE) {
    const incarnations: number[] = [];
    for (let left = reader.uint(); left > 0; left--) incarnations.push(reader.uint());
    return { itemKey, operation: { kind: 'delete', ...head, incarnations } };
  }
  assert(kind === KIND_PUT, 'readHead admits known kinds only');
  const incarnation = reader.uint();
  const priority = (reader.u8() & FLAG_PRIORITY) !== 0 ? reader.f64() : undefined;
  return { itemKey, operation: { kind: 'put', ...head, incarnation, priority, body: reader.rest() } };
}

function readHead(reader: ByteReader): { kind: number; head: EntryHead } {
  const format = reader.u8();
  const kind = reader.u8();
  if (format !== FORMAT || (kind !== KIND_PUT && kind !== KIND_DELETE)) {
    throw new LogDamagedError(`log entry has unknown format ${format} or kind ${kind}`);
  }
  const dot = { origin: reader.uint(), n: reader.uint() };
  return { kind, head: { dot, context: VersionVector.decode(reader), time: reader.f64() } };
}
