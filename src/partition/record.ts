import { assert, ByteReader, ByteWriter } from '../base/index.ts';
import { type HybridTime, VersionVector } from '../causality/index.ts';
import type { Lsn } from '../log/index.ts';
import type { ItemKey } from './item-key.ts';

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

/** A visible item: its key, then its text. */
export function encodeDocument(key: ItemKey, text: Uint8Array): Buffer {
  return new ByteWriter(key.length + text.length + 8).string(key).raw(text).finish();
}

export function decodeDocument(bytes: Buffer): { key: ItemKey; text: Buffer } {
  const reader = new ByteReader(bytes);
  return { key: reader.string(), text: reader.rest() };
}

export function encodeVector(vector: VersionVector): Buffer {
  const writer = new ByteWriter(32);
  vector.encode(writer);
  return writer.finish();
}
