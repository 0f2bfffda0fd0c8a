import { crc32 } from 'node:zlib';

/**
 * The bytes of the stream. All integers are big-endian.
 *
 *   frame:  crc u32 | length u32 | kind u8 | partition u32 | lsn u48 | payload
 *   group:  a frame of kind `group` (payload: the segment's mark; in place of partition and LSN the bytes of
 *           its body and its number), then its body: one frame for each thing that was written together
 *
 * The crc covers all that follows it and starts from the segment's seed, so a frame that lands in another
 * file never passes for one of it. `length` counts what follows it. A length of 0 ends a segment: the space
 * ahead is filled with zeros.
 *
 * A group is one write and one sync, and the next one is written only after that sync. So a group that does
 * not check out is *torn*, never acknowledged, as long as no group follows it; and *damaged* when one does.
 */
export const FrameKind = {
  group: 1,
  entry: 2,
  /** Entries of the partition up to and including the LSN may be forgotten. */
  trim: 3,
  /** The partition is no more. */
  drop: 4,
  /** The segment with the number in place of the LSN is about to be deleted. */
  discard: 5,
  /** All that earlier segments say about marks and tails; first in every segment. */
  checkpoint: 6,
  /** The log was closed after this group, so nothing follows that was ever written. */
  close: 7,
} as const;

export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

export const FRAME_HEADER_BYTES = 19;
export const MARK_BYTES = 8;
export const GROUP_HEADER_BYTES = FRAME_HEADER_BYTES + MARK_BYTES;

const LENGTH_OFFSET = 4;
const BODY_OFFSET = 8;
const KIND_OFFSET = 8;
const PARTITION_OFFSET = 9;
const LSN_OFFSET = 13;

export interface Frame {
  readonly kind: number;
  readonly partition: number;
  readonly lsn: number;
}

/** Writes one frame and returns where it ends. */
export function writeFrame(
  buffer: Buffer,
  offset: number,
  seed: number,
  frame: Frame,
  payload: Uint8Array | undefined,
): number {
  const end = offset + FRAME_HEADER_BYTES + (payload?.length ?? 0);
  buffer.writeUInt32BE(end - offset - BODY_OFFSET, offset + LENGTH_OFFSET);
  buffer[offset + KIND_OFFSET] = frame.kind;
  buffer.writeUInt32BE(frame.partition, offset + PARTITION_OFFSET);
  buffer.writeUIntBE(frame.lsn, offset + LSN_OFFSET, 6);
  if (payload !== undefined) buffer.set(payload, offset + FRAME_HEADER_BYTES);
  buffer.writeUInt32BE(crc32(buffer.subarray(offset + LENGTH_OFFSET, end), seed), offset);
  return end;
}

/** Where the frame at `offset` ends by its own account, unchecked; undefined when none can look like this. */
export function frameEnd(buffer: Buffer, offset: number): number | undefined {
  if (offset + FRAME_HEADER_BYTES > buffer.length) return undefined;
  const length = buffer.readUInt32BE(offset + LENGTH_OFFSET);
  return length < FRAME_HEADER_BYTES - BODY_OFFSET ? undefined : offset + BODY_OFFSET + length;
}

/** Whether the bytes from `offset` to `end` carry their checksum. */
export function isFrameSound(buffer: Buffer, offset: number, end: number, seed: number): boolean {
  return crc32(buffer.subarray(offset + LENGTH_OFFSET, end), seed) === buffer.readUInt32BE(offset);
}

export function kindAt(buffer: Buffer, offset: number): number {
  return buffer[offset + KIND_OFFSET] ?? 0;
}

export function partitionAt(buffer: Buffer, offset: number): number {
  return buffer.readUInt32BE(offset + PARTITION_OFFSET);
}

export function lsnAt(buffer: Buffer, offset: number): number {
  return buffer.readUIntBE(offset + LSN_OFFSET, 6);
}

/** What frames of one segment have in common. */
export interface SegmentMark {
  /** Random bytes in every group header, known to nobody outside: no payload can imitate a group. */
  readonly mark: Buffer;
  readonly seed: number;
}

export interface GroupHeader {
  readonly number: number;
  readonly bodyBytes: number;
}

export function writeGroupHeader(
  buffer: Buffer,
  offset: number,
  segment: SegmentMark,
  group: GroupHeader,
): number {
  const frame = { kind: FrameKind.group, partition: group.bodyBytes, lsn: group.number };
  return writeFrame(buffer, offset, segment.seed, frame, segment.mark);
}

/** The group header at `offset`, if one that checks out stands there. */
export function readGroupHeader(
  buffer: Buffer,
  offset: number,
  segment: SegmentMark,
): GroupHeader | undefined {
  const end = offset + GROUP_HEADER_BYTES;
  if (offset < 0 || frameEnd(buffer, offset) !== end || end > buffer.length) return undefined;
  if (kindAt(buffer, offset) !== FrameKind.group) return undefined;
  if (!buffer.subarray(offset + FRAME_HEADER_BYTES, end).equals(segment.mark)) return undefined;
  if (!isFrameSound(buffer, offset, end, segment.seed)) return undefined;
  return { number: lsnAt(buffer, offset), bodyBytes: partitionAt(buffer, offset) };
}

/** Whether every frame of [start, end) checks out and the last one ends exactly there. */
export function isBodySound(buffer: Buffer, start: number, end: number, seed: number): boolean {
  let position = start;
  while (position < end) {
    const next = frameEnd(buffer, position);
    if (next === undefined || next > end || !isFrameSound(buffer, position, next, seed)) return false;
    position = next;
  }
  return position === end;
}
