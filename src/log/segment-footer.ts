import { crc32 } from 'node:zlib';
import { MARK_BYTES } from './frame.ts';

/**
 * What closes a segment that is full: for each partition in it the range of LSNs and some places to start
 * reading from, so that opening a log reads a few KB of each old segment instead of all of it.
 *
 *   rows, by rising partition:  partition u32 | first lsn u48 | last lsn u48 | byte of its points u32
 *   points, by row:             lsn - first lsn u32 | offset u32
 *   trailer, ends the file:     magic 8 | crc u32 | rows crc u32 | points crc u32 | rows u32
 *                               points bytes u32 | first group u48 | last group u48 | data end u32 | mark 8
 *
 * A footer is a convenience: when it is missing or torn the segment is scanned and gets a new one.
 */
export interface FooterRow {
  readonly partition: number;
  readonly lastLsn: number;
  /** LSN, offset, LSN, offset, … of places to start from; the first one is the partition's first entry. */
  readonly points: readonly number[];
}

/** Which groups a segment holds, and where its last one ends. */
export interface SegmentExtent {
  readonly firstGroup: number;
  readonly lastGroup: number;
  readonly dataEnd: number;
}

export interface Trailer extends SegmentExtent {
  readonly rowsBytes: number;
  readonly rowsCrc: number;
  readonly pointsBytes: number;
  readonly pointsCrc: number;
}

export interface Footer {
  readonly rows: Buffer;
  readonly points: Buffer;
  readonly trailer: Buffer;
}

export const ROW_BYTES = 20;
export const POINT_BYTES = 8;
export const TRAILER_BYTES = 56;
const MAGIC = Buffer.from('ORRERYFT', 'latin1');

export function encodeFooter(list: readonly FooterRow[], extent: SegmentExtent, mark: Buffer): Footer {
  const pointCount = list.reduce((sum, row) => sum + row.points.length / 2, 0);
  const rows = Buffer.allocUnsafeSlow(list.length * ROW_BYTES);
  const points = Buffer.allocUnsafeSlow(pointCount * POINT_BYTES);
  let row = 0;
  let point = 0;
  for (const { partition, lastLsn, points: places } of list) {
    const firstLsn = places[0] ?? 0;
    rows.writeUInt32BE(partition, row);
    rows.writeUIntBE(firstLsn, row + 4, 6);
    rows.writeUIntBE(lastLsn, row + 10, 6);
    row = rows.writeUInt32BE(point, row + 16);
    for (let i = 0; i < places.length; i += 2) {
      points.writeUInt32BE((places[i] ?? 0) - firstLsn, point);
      point = points.writeUInt32BE(places[i + 1] ?? 0, point + 4);
    }
  }
  return { rows, points, trailer: encodeTrailer({ rows, points }, extent, mark) };
}

function encodeTrailer(parts: Pick<Footer, 'rows' | 'points'>, extent: SegmentExtent, mark: Buffer): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  MAGIC.copy(trailer);
  trailer.writeUInt32BE(crc32(parts.rows), 12);
  trailer.writeUInt32BE(crc32(parts.points), 16);
  trailer.writeUInt32BE(parts.rows.length / ROW_BYTES, 20);
  trailer.writeUInt32BE(parts.points.length, 24);
  trailer.writeUIntBE(extent.firstGroup, 28, 6);
  trailer.writeUIntBE(extent.lastGroup, 34, 6);
  trailer.writeUInt32BE(extent.dataEnd, 40);
  mark.copy(trailer, 44, 0, MARK_BYTES);
  trailer.writeUInt32BE(crc32(trailer.subarray(12)), 8);
  return trailer;
}

/** Undefined when the last bytes of a file are not the trailer of the segment with this mark. */
export function decodeTrailer(bytes: Buffer, mark: Buffer): Trailer | undefined {
  if (bytes.length !== TRAILER_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  if (bytes.readUInt32BE(8) !== crc32(bytes.subarray(12))) return undefined;
  if (!bytes.subarray(44, 44 + MARK_BYTES).equals(mark)) return undefined;
  return {
    rowsCrc: bytes.readUInt32BE(12),
    pointsCrc: bytes.readUInt32BE(16),
    rowsBytes: bytes.readUInt32BE(20) * ROW_BYTES,
    pointsBytes: bytes.readUInt32BE(24),
    firstGroup: bytes.readUIntBE(28, 6),
    lastGroup: bytes.readUIntBE(34, 6),
    dataEnd: bytes.readUInt32BE(40),
  };
}

export function isSameExtent(a: SegmentExtent, b: SegmentExtent): boolean {
  return a.firstGroup === b.firstGroup && a.lastGroup === b.lastGroup && a.dataEnd === b.dataEnd;
}
