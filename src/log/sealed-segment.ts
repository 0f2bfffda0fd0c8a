import { crc32 } from 'node:zlib';
import type { Lsn, PartitionNumber } from './log.ts';
import type { PartitionTable } from './partition-table.ts';
import { type Footer, POINT_BYTES, ROW_BYTES, type SegmentExtent } from './segment-footer.ts';
import type { SegmentHeader } from './segment-header.ts';

/** Places to start reading one partition from, in one segment, by rising LSN. */
export interface Points {
  readonly count: number;
  lsn(index: number): Lsn;
  offset(index: number): number;
}

/** The index of the last point at or before `lsn`; -1 when all are after it. */
export function lastPointAt(points: Points, lsn: Lsn): number {
  let low = 0;
  let high = points.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (points.lsn(middle) <= lsn) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Points kept in an array of LSN, offset, LSN, offset, … */
export function listedPoints(list: readonly number[]): Points {
  return {
    count: list.length / 2,
    lsn: (index) => list[2 * index] ?? 0,
    offset: (index) => list[2 * index + 1] ?? 0,
  };
}

/** A segment that is full: its rows stay in memory (20 bytes a partition), its points on disk. */
export class SealedSegment {
  readonly header: SegmentHeader;
  readonly extent: SegmentExtent;
  readonly pointsBytes: number;
  readonly pointsCrc: number;
  /** Held until the footer is on disk. */
  points: Buffer | undefined;
  isDiscarding = false;
  readonly #rows: Buffer;
  /** Rows before this one are forgotten for ever, since marks only rise. */
  #oldestWanted = 0;

  constructor(
    header: SegmentHeader,
    extent: SegmentExtent,
    footer: { rows: Buffer; points?: Buffer; pointsBytes: number; pointsCrc: number },
  ) {
    this.header = header;
    this.extent = extent;
    this.#rows = footer.rows;
    this.points = footer.points;
    this.pointsBytes = footer.pointsBytes;
    this.pointsCrc = footer.pointsCrc;
  }

  /** A segment whose footer is still to be written. */
  static of(header: SegmentHeader, extent: SegmentExtent, footer: Footer): SealedSegment {
    const { rows, points } = footer;
    return new SealedSegment(header, extent, {
      rows,
      points,
      pointsBytes: points.length,
      pointsCrc: crc32(points),
    });
  }

  get number(): number {
    return this.header.number;
  }

  /** Where the points stand in the file. */
  get pointsStart(): number {
    return this.extent.dataEnd + this.#rows.length;
  }

  /** Bytes of the file once its footer is written, about. */
  get sizeBytes(): number {
    return this.pointsStart + this.pointsBytes;
  }

  get #rowCount(): number {
    return this.#rows.length / ROW_BYTES;
  }

  /** Index of the partition's row; -1 when the segment holds none of its entries. */
  rowOf(partition: PartitionNumber): number {
    let low = 0;
    let high = this.#rowCount - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#partition(middle);
      if (found === partition) return middle;
      if (found < partition) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  firstLsn(row: number): Lsn {
    return this.#rows.readUIntBE(row * ROW_BYTES + 4, 6);
  }

  lastLsn(row: number): Lsn {
    return this.#rows.readUIntBE(row * ROW_BYTES + 10, 6);
  }

  /** The row's part of the segment's `points`. */
  pointsOf(row: number, points: Buffer): Points {
    const firstLsn = this.firstLsn(row);
    const start = this.#pointsOffset(row);
    const end = row + 1 < this.#rowCount ? this.#pointsOffset(row + 1) : this.pointsBytes;
    return {
      count: (end - start) / POINT_BYTES,
      lsn: (index) => firstLsn + points.readUInt32BE(start + index * POINT_BYTES),
      offset: (index) => points.readUInt32BE(start + index * POINT_BYTES + 4),
    };
  }

  /** Whether nobody wants any entry of this segment any more. */
  isForgotten(table: PartitionTable): boolean {
    while (this.#oldestWanted < this.#rowCount && this.#isRowForgotten(this.#oldestWanted, table)) {
      this.#oldestWanted++;
    }
    return this.#oldestWanted === this.#rowCount;
  }

  #isRowForgotten(row: number, table: PartitionTable): boolean {
    return table.isForgotten(this.#partition(row), this.lastLsn(row));
  }

  #partition(row: number): PartitionNumber {
    return this.#rows.readUInt32BE(row * ROW_BYTES);
  }

  #pointsOffset(row: number): number {
    return this.#rows.readUInt32BE(row * ROW_BYTES + 16);
  }
}
