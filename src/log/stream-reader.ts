import { crc32 } from 'node:zlib';
import { WeightedCache } from '../base/index.ts';
import {
  FRAME_HEADER_BYTES,
  FrameKind,
  frameEnd,
  isFrameSound,
  kindAt,
  lsnAt,
  partitionAt,
} from './frame.ts';
import { LogDamagedError, type Lsn } from './log.ts';
import { type PartitionState, POINT_DISTANCE } from './partition-table.ts';
import { collectRows } from './replay.ts';
import { lastPointAt, listedPoints, type Points, type SealedSegment } from './sealed-segment.ts';
import type { SegmentFiles } from './segment-files.ts';
import { encodeFooter } from './segment-footer.ts';
import { damage, segmentName } from './segment-header.ts';
import type { StreamWriter } from './stream-writer.ts';
import type { TailCache } from './tail-cache.ts';

const READ_BYTES_MIN = 16 << 10;
const READ_BYTES_MAX = 1 << 20;
/** Reading over this many foreign bytes costs less than a second read. */
const GAP_BYTES_MAX = 32 << 10;
const POINTS_CACHE_BYTES = 8 << 20;

/** A segment as readers see it, whether full or still being written. */
interface Place {
  readonly segment: number;
  readonly seed: number;
  readonly points: Points;
  /** Last entry of the partition in this segment that is durable. */
  readonly lastLsn: Lsn;
  readonly dataEnd: number;
}

/** Bytes of a segment from `start` on. */
interface Chunk {
  readonly buffer: Buffer;
  readonly start: number;
  /** They are what was written, and will be overwritten; those from the disk are to be checked, and stay. */
  readonly isCached: boolean;
}

/** One call of `read`: what was found so far. */
interface Harvest {
  readonly state: PartitionState;
  readonly bytesMax: number;
  readonly entries: Uint8Array[];
  bytes: number;
  next: Lsn;
}

/** Finds the entries of one partition among those of all others. */
export class StreamReader {
  readonly #files: SegmentFiles;
  readonly #cache: TailCache;
  readonly #segments: Pick<StreamWriter, 'sealed' | 'active'>;
  readonly #points = new WeightedCache<number, Buffer>(POINTS_CACHE_BYTES);

  constructor(parts: {
    files: SegmentFiles;
    cache: TailCache;
    segments: Pick<StreamWriter, 'sealed' | 'active'>;
  }) {
    this.#files = parts.files;
    this.#cache = parts.cache;
    this.#segments = parts.segments;
  }

  /** The durable entries of `state` from `fromLsn` on; views of larger buffers. See Log.read. */
  async read(state: PartitionState, fromLsn: Lsn, bytesMax: number): Promise<Uint8Array[]> {
    const tail = state.tail;
    const harvest: Harvest = { state, bytesMax, entries: [], bytes: 0, next: fromLsn };
    while (harvest.next <= tail && isHungry(harvest)) {
      try {
        await this.#readOn(harvest, tail);
      } catch (error) {
        // Trimmed while we read, files and all; what was found before that is still right.
        if (harvest.next >= state.head) throw error;
        if (harvest.entries.length === 0) throw new RangeError(`entry ${harvest.next} is trimmed`);
        break;
      }
    }
    return harvest.entries;
  }

  /** Lets go of what is kept for a segment that is deleted. */
  forget(segment: number): void {
    this.#points.delete(segment);
  }

  #activePlace(state: PartitionState, lsn: Lsn): Place | undefined {
    const { header, end } = this.#segments.active;
    if (state.points === undefined || lsn < (state.points[0] ?? 0)) return undefined;
    const points = listedPoints(state.points);
    return { segment: header.number, seed: header.seed, points, lastLsn: state.tail, dataEnd: end };
  }

  async #sealedPlace(state: PartitionState, lsn: Lsn): Promise<Place | undefined> {
    const { sealed } = this.#segments;
    for (let index = sealed.length - 1; index >= 0; index--) {
      const segment = sealed[index];
      const row = segment?.rowOf(state.number) ?? -1;
      if (segment === undefined || row < 0 || segment.firstLsn(row) > lsn) continue;
      if (segment.lastLsn(row) < lsn) return undefined;
      const points = segment.pointsOf(row, segment.points ?? (await this.#loadPoints(segment)));
      const { number, extent, header } = segment;
      const lastLsn = segment.lastLsn(row);
      return { segment: number, seed: header.seed, points, lastLsn, dataEnd: extent.dataEnd };
    }
    return undefined;
  }

  async #loadPoints(segment: SealedSegment): Promise<Buffer> {
    const cached = this.#points.get(segment.number);
    if (cached !== undefined) return cached;
    const stored = await this.#files.read(segment.number, segment.pointsStart, segment.pointsBytes);
    const points = crc32(stored) === segment.pointsCrc ? stored : await this.#findPoints(segment);
    this.#points.set(segment.number, points, points.length);
    return points;
  }

  /** Points can be lost without any entry being lost: they are found anew among the entries. */
  async #findPoints(segment: SealedSegment): Promise<Buffer> {
    const { number, header, extent, pointsStart, pointsCrc } = segment;
    const file = {
      read: (position: number, length: number) => this.#files.read(number, position, length),
    };
    const rows = await collectRows(file, header, extent);
    // Partitions that were dropped before the segment was sealed have no row.
    const wanted = rows.filter(({ partition }) => segment.rowOf(partition) >= 0);
    const { points } = encodeFooter(wanted, extent, header.mark);
    if (crc32(points) !== pointsCrc) throw damage(segmentName(number), pointsStart, 'its footer is wrong');
    return points;
  }

  async #readOn(harvest: Harvest, tail: Lsn): Promise<void> {
    const { state, next } = harvest;
    const place = this.#activePlace(state, next) ?? (await this.#sealedPlace(state, next));
    if (place === undefined) {
      throw new LogDamagedError(`no log segment holds entry ${next} of partition ${state.number}`);
    }
    await this.#readFrom(place, harvest, Math.min(tail, place.lastLsn));
  }

  /** Takes what `place` holds, as far as the harvest wants it. */
  async #readFrom(place: Place, harvest: Harvest, last: Lsn): Promise<void> {
    const cursor = new Cursor(place.points, lastPointAt(place.points, harvest.next));
    let needed = 0;
    for (;;) {
      const length = Math.max(needed, chunkLength(place, cursor.point, harvest.bytesMax - harvest.bytes));
      // Nothing is waited for between a look into the cache and the end of its use.
      const chunk =
        this.#cachedChunk(place, cursor.offset) ?? (await this.#readChunk(place, cursor.offset, length));
      needed = takeEntries(place, cursor, chunk, harvest, last);
      if (needed === DONE) return;
      const isWhole = chunk.isCached || chunk.buffer.length < length;
      // A frame that is cut off is read again from its start; one that is cut off there, and not for
      // want of asking, is not what it says it is.
      const isStuck = cursor.offset === chunk.start && (needed <= length || isWhole);
      if (needed === DAMAGED || isStuck) throw firstDamage(place, chunk, harvest.next);
    }
  }

  #cachedChunk({ segment }: Place, start: number): Chunk | undefined {
    const buffer = this.#cache.find(segment, start);
    return buffer && { buffer, start, isCached: true };
  }

  async #readChunk({ segment, dataEnd }: Place, start: number, length: number): Promise<Chunk> {
    const bytes = Math.min(length, dataEnd - start);
    return { buffer: await this.#files.read(segment, start, bytes), start, isCached: false };
  }
}

function isHungry(harvest: Harvest): boolean {
  return harvest.entries.length === 0 || harvest.bytes < harvest.bytesMax;
}

/** How much to read from a point on: up to the budget, but not over long stretches of foreign entries. */
function chunkLength({ points }: Place, first: number, budget: number): number {
  const limit = Math.min(Math.max(budget, READ_BYTES_MIN), READ_BYTES_MAX);
  const start = points.offset(first);
  let end = start + POINT_DISTANCE;
  for (let index = first + 1; index < points.count && end - start < limit; index++) {
    if (points.offset(index) - end > GAP_BYTES_MAX) break;
    end = points.offset(index) + POINT_DISTANCE;
  }
  // The last entry begins before `end` and usually goes a little further.
  return end - start + POINT_DISTANCE;
}

/** A position among the frames of a segment, led by the points of one partition. */
class Cursor {
  readonly #points: Points;
  point: number;
  offset = 0;
  #windowEnd = 0;

  constructor(points: Points, point: number) {
    this.#points = points;
    this.point = point;
    this.#moveTo(point);
  }

  /**
   * Goes to the frame at `offset`, or to the next point if that comes first: between two points all entries
   * of the partition begin less than POINT_DISTANCE after the first one. False when there is no further one.
   */
  advance(offset: number): boolean {
    this.offset = offset;
    return offset < this.#windowEnd || this.#moveTo(this.point + 1);
  }

  #moveTo(point: number): boolean {
    if (point >= this.#points.count) return false;
    this.point = point;
    this.offset = this.#points.offset(point);
    this.#windowEnd = this.offset + POINT_DISTANCE;
    return true;
  }
}

const DONE = 0;
const DAMAGED = -1;

/**
 * Walks the frames of a chunk and moves the partition's entries to the harvest. Returns DONE, DAMAGED, or
 * how many bytes from the cursor on it takes to go on.
 */
function takeEntries(place: Place, cursor: Cursor, chunk: Chunk, harvest: Harvest, last: Lsn): number {
  const { buffer, start } = chunk;
  const partition = harvest.state.number;
  while (harvest.next <= last && isHungry(harvest)) {
    const position = cursor.offset - start;
    if (position + FRAME_HEADER_BYTES > buffer.length) return FRAME_HEADER_BYTES;
    const end = frameEnd(buffer, position);
    if (end === undefined) return DAMAGED;
    if (kindAt(buffer, position) === FrameKind.entry && partitionAt(buffer, position) === partition) {
      const lsn = lsnAt(buffer, position);
      if (lsn > harvest.next) return DAMAGED;
      if (lsn === harvest.next) {
        if (end > buffer.length) return end - position;
        if (!chunk.isCached && !isFrameSound(buffer, position, end, place.seed)) return DAMAGED;
        const entry = buffer.subarray(position + FRAME_HEADER_BYTES, end);
        harvest.entries.push(chunk.isCached ? Buffer.from(entry) : entry);
        harvest.bytes += entry.length;
        harvest.next++;
        if (harvest.next > last) return DONE;
      }
    }
    if (!cursor.advance(start + end)) return DAMAGED;
  }
  return DONE;
}

/** Names the first frame of a chunk that does not check out. */
function firstDamage(place: Place, chunk: Chunk, lsn: Lsn): Error {
  let position = 0;
  for (;;) {
    const end = frameEnd(chunk.buffer, position);
    if (end === undefined || end > chunk.buffer.length) break;
    if (!isFrameSound(chunk.buffer, position, end, place.seed)) break;
    position = end;
  }
  return damage(segmentName(place.segment), chunk.start + position, `entry ${lsn} cannot be read`);
}
