import type { Lsn, PartitionNumber } from '../log/index.ts';

/**
 * Where a partition's views live in the node's one store. Every key starts with the partition's number
 * (4 bytes, big-endian), so a partition can be scanned or cleared alone; then one letter:
 *
 *   m                           position: see PositionRecord
 *   c <lsn>                     the vector at that LSN, now and then: where a reader may start
 *   h                           how far the views have forgotten: see horizon.ts
 *   d <number>                  the visible item: its key, the write that it is, its JSON text
 *   k <item key>                the item's number, or its merge state without the visible body
 *   u <item key>                the item's merge state is unsettled: collection has work here
 *   q <value>                   who claims a unique value: see unique-index.ts
 *   e <own> <ms> <number>       items by their deadlines: see expiry.ts
 *   e 2                         all of them are there
 *   r                           the runs that make up the index, oldest first: see index-runs.ts
 *   f <run>                     what a run of several blocks knows of them
 *   x <run> <place>             a block of postings
 *
 * Numbers and LSNs are 8 bytes, runs and places 4, all big-endian, so that keys sort as they count.
 */
export type KeyKind = 'm' | 'c' | 'h' | 'd' | 'e' | 'k' | 'u' | 'q' | 'r' | 'f' | 'x';

const PREFIX_BYTES = 5;

function begin(partition: PartitionNumber, kind: KeyKind, bodyBytes: number): Buffer {
  const key = Buffer.allocUnsafe(PREFIX_BYTES + bodyBytes);
  key.writeUInt32BE(partition, 0);
  key[4] = kind.charCodeAt(0);
  return key;
}

function writeNumber(key: Buffer, value: number, offset: number): void {
  key.writeUInt32BE(Math.floor(value / 0x1_0000_0000), offset);
  key.writeUInt32BE(value % 0x1_0000_0000, offset + 4);
}

export function positionKey(partition: PartitionNumber): Buffer {
  return begin(partition, 'm', 0);
}

export function horizonKey(partition: PartitionNumber): Buffer {
  return begin(partition, 'h', 0);
}

export function checkpointKey(partition: PartitionNumber, lsn: Lsn): Buffer {
  return numberKey(partition, 'c', lsn);
}

export function documentKey(partition: PartitionNumber, number: number): Buffer {
  return numberKey(partition, 'd', number);
}

function numberKey(partition: PartitionNumber, kind: KeyKind, value: number): Buffer {
  const key = begin(partition, kind, 8);
  writeNumber(key, value, PREFIX_BYTES);
  return key;
}

/** `isOwn`: whether the deadline is the item's own; Unix milliseconds. */
export function expiryKey(
  partition: PartitionNumber,
  place: { readonly isOwn: boolean; readonly ms: number },
  number: number,
): Buffer {
  const key = begin(partition, 'e', 17);
  key[PREFIX_BYTES] = place.isOwn ? 1 : 0;
  writeNumber(key, place.ms, PREFIX_BYTES + 1);
  writeNumber(key, number, PREFIX_BYTES + 9);
  return key;
}

/** The first key of this kind from `ms` on. */
export function expiryBound(partition: PartitionNumber, isOwn: boolean, ms: number): Buffer {
  return expiryKey(partition, { isOwn, ms }, 0);
}

export function expiryMarkKey(partition: PartitionNumber): Buffer {
  return boundKey(partition, 'e', Uint8Array.of(2));
}

export function expiryBounds(partition: PartitionNumber): { from: Buffer; to: Buffer } {
  return { from: boundKey(partition, 'e'), to: kindEnd(partition, 'e') };
}

export function stateKey(partition: PartitionNumber, itemKey: string): Buffer {
  return textKey(partition, 'k', itemKey);
}

export function unsettledKey(partition: PartitionNumber, itemKey: string): Buffer {
  return textKey(partition, 'u', itemKey);
}

export function claimsKey(partition: PartitionNumber, value: string): Buffer {
  return textKey(partition, 'q', value);
}

function textKey(partition: PartitionNumber, kind: KeyKind, text: string): Buffer {
  const key = begin(partition, kind, Buffer.byteLength(text));
  key.write(text, PREFIX_BYTES, 'utf8');
  return key;
}

/** What follows the letter in a `k` or `u` key. */
export function keyText(key: Buffer): string {
  return key.toString('utf8', PREFIX_BYTES);
}

export function manifestKey(partition: PartitionNumber): Buffer {
  return begin(partition, 'r', 0);
}

export function fencesKey(partition: PartitionNumber, run: number): Buffer {
  const key = begin(partition, 'f', 4);
  key.writeUInt32BE(run, PREFIX_BYTES);
  return key;
}

/** Blocks of one run stand between those of place 0 of the run and of the next. */
export function blockKey(partition: PartitionNumber, run: number, place: number): Buffer {
  const key = begin(partition, 'x', 8);
  key.writeUInt32BE(run, PREFIX_BYTES);
  key.writeUInt32BE(place, PREFIX_BYTES + 4);
  return key;
}

/** A bound for scans: partition, letter, then raw bytes. */
export function boundKey(partition: PartitionNumber, kind: KeyKind, ...parts: readonly Uint8Array[]): Buffer {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  const key = begin(partition, kind, bytes);
  let offset = PREFIX_BYTES;
  for (const part of parts) {
    key.set(part, offset);
    offset += part.length;
  }
  return key;
}

/** First key after all keys of this kind. */
export function kindEnd(partition: PartitionNumber, kind: KeyKind): Buffer {
  const key = begin(partition, kind, 0);
  key[4] = kind.charCodeAt(0) + 1;
  return key;
}

/** The number (or LSN) that ends a `c` or `d` key. */
export function trailingNumber(key: Buffer): number {
  const offset = key.length - 8;
  return key.readUInt32BE(offset) * 0x1_0000_0000 + key.readUInt32BE(offset + 4);
}

/** All keys of a partition lie in [from, to). */
export function partitionBounds(partition: PartitionNumber): { from: Buffer; to: Buffer } {
  const from = Buffer.allocUnsafe(4);
  from.writeUInt32BE(partition, 0);
  const to = Buffer.alloc(5, 0xff);
  to.writeUInt32BE(partition, 0);
  return { from, to };
}
