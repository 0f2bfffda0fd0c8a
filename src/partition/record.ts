import { assert, ByteReader, ByteWriter } from '../base/index.ts';
import { type HybridTime, VersionVector } from '../causality/index.ts';
import type { Lsn } from '../log/index.ts';
import {
  decodeItemState,
  encodeItemState,
  type Incarnation,
  type ItemState,
  isMerged,
  isSettled,
  type StoredPut,
} from '../merge/index.ts';
import { type HeldItem, isSuppressed } from './item-cache.ts';
import type { ItemKey } from './item-key.ts';
import { readPut, writePut } from './put-record.ts';

/**
 * How far a partition's views in the store have come: written in the same batch as the views themselves,
 * so the store can never claim more than it has.
 */
export interface Position {
  readonly lsn: Lsn;
  readonly vector: VersionVector;
  /** Latest hybrid time of any entry so far. */
  readonly time: HybridTime;
  /** Highest insertion sequence in use; see `incarnationOf` in partition.ts. */
  readonly sequence: number;
  /** Visible items, and the bytes of their text. */
  readonly itemCount: number;
  readonly itemBytes: number;
  /** Items that collection must look at (keys of kind `u`). */
  readonly unsettled: number;
}

export const START: Position = {
  lsn: 0,
  vector: new VersionVector(),
  time: 0,
  sequence: 0,
  itemCount: 0,
  itemBytes: 0,
  unsettled: 0,
};

const FORMAT = 1;

export function encodePosition(position: Position): Buffer {
  const writer = new ByteWriter(64).u8(FORMAT).uint(position.lsn);
  position.vector.encode(writer);
  writer.f64(position.time).uint(position.sequence);
  return writer.uint(position.itemCount).uint(position.itemBytes).uint(position.unsettled).finish();
}

export function decodePosition(bytes: Uint8Array): Position {
  const reader = new ByteReader(bytes);
  assert(reader.u8() === FORMAT, 'the store checked its format when it was opened');
  return {
    lsn: reader.uint(),
    vector: VersionVector.decode(reader),
    time: reader.f64(),
    sequence: reader.uint(),
    itemCount: reader.uint(),
    itemBytes: reader.uint(),
    unsettled: reader.uint(),
  };
}

/** A visible item: its key, the write that it is, its text. */
export function encodeDocument(key: ItemKey, put: StoredPut): Buffer {
  return writePut(new ByteWriter(key.length + put.body.length + 48).string(key), put).take();
}

/** `incarnation`: the number in the record's key. The body is a view. */
export function decodeDocument(bytes: Buffer, incarnation: Incarnation): { key: ItemKey; put: StoredPut } {
  const reader = new ByteReader(bytes);
  return { key: reader.string(), put: readPut(reader, incarnation) };
}

const STATE_SETTLED = 1;
const STATE_WHOLE = 2;
const STATE_SUPPRESSED = 3;

/**
 * What an item's key leads to. Nearly every item is settled: then the document holds everything, and this
 * is only its number, which stays the same for as long as the item is replaced and not recreated. An item
 * that others suppress has no document, so all of it is here.
 */
export function encodeState(item: Pick<HeldItem, 'state' | 'visible'>): Buffer {
  const { state } = item;
  if (isSuppressed(item)) {
    const writer = new ByteWriter(1024).u8(STATE_SUPPRESSED);
    encodeItemState(writer, state);
    return writer.finish();
  }
  const [only] = state.siblings;
  if (isSettled(state) && only !== undefined)
    return new ByteWriter(12).u8(STATE_SETTLED).uint(only.incarnation).finish();
  const writer = new ByteWriter(128).u8(STATE_WHOLE);
  // What several patches make together is in the document, and none of their own bodies is.
  encodeItemState(writer, state, { withoutVisibleBody: !isMerged(state) });
  return writer.finish();
}

const ELSEWHERE = Buffer.alloc(0);

/**
 * Of a settled item only the number is known here. The visible body of an unsettled one is empty, unless it
 * is merged: see the document.
 */
export function decodeState(record: Buffer): Incarnation | ItemState {
  const reader = new ByteReader(record);
  if (reader.u8() === STATE_SETTLED) return reader.uint();
  // The flag that merge's codec sets when the visible body is left out.
  const hasVisible = (record[1] ?? 0) & 2;
  return decodeItemState(reader, hasVisible === 0 ? undefined : ELSEWHERE);
}

/** Whether others suppress the item that the record is about. */
export function isSuppressedState(record: Buffer): boolean {
  return record[0] === STATE_SUPPRESSED;
}

export function encodeVector(vector: VersionVector): Buffer {
  const writer = new ByteWriter(32);
  vector.encode(writer);
  return writer.finish();
}
