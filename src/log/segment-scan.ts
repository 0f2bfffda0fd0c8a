import type { DiskFile } from '../runtime/index.ts';
import { FRAME_HEADER_BYTES, GROUP_HEADER_BYTES, isBodySound, readGroupHeader } from './frame.ts';
import { DATA_START, type SegmentHeader } from './segment-header.ts';

const WINDOW_BYTES = 1 << 20;
const ZEROS = Buffer.alloc(WINDOW_BYTES);

/** A file read front to back through one buffer. */
export class FileWindow {
  readonly file: Pick<DiskFile, 'read'>;
  readonly size: number;
  #start = 0;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(file: Pick<DiskFile, 'read'>, size: number) {
    this.file = file;
    this.size = size;
  }

  static async over(file: DiskFile): Promise<FileWindow> {
    return new FileWindow(file, await file.size());
  }

  /** The bytes at `position` if they are in memory; shorter at the end of the file. */
  peek(position: number, length: number): Buffer | undefined {
    const start = position - this.#start;
    const end = start + Math.min(length, Math.max(0, this.size - position));
    return start >= 0 && end <= this.#buffer.length ? this.#buffer.subarray(start, end) : undefined;
  }

  async load(position: number, length: number): Promise<Buffer> {
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), Math.max(0, this.size - position));
    this.#buffer = await this.file.read(position, wanted);
    this.#start = position;
    return this.#buffer.subarray(0, length);
  }
}

export interface ScannedGroup {
  readonly number: number;
  /** Holds the group's frames from `start` to `end`. */
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Where in the file `start` is. */
  readonly offset: number;
}

export interface ScannedExtent {
  /** Undefined when the segment holds no group. */
  readonly firstGroup: number | undefined;
  readonly lastGroup: number;
  readonly dataEnd: number;
}

/** Visits the groups of a segment in order, up to the first that does not check out or does not follow on. */
export async function scanGroups(
  window: FileWindow,
  header: SegmentHeader,
  visit: (group: ScannedGroup) => void,
): Promise<ScannedExtent> {
  let position = DATA_START;
  let firstGroup: number | undefined;
  let lastGroup = 0;
  for (;;) {
    const head =
      window.peek(position, GROUP_HEADER_BYTES) ?? (await window.load(position, GROUP_HEADER_BYTES));
    const group = readGroupHeader(head, 0, header);
    if (group === undefined || (firstGroup !== undefined && group.number !== lastGroup + 1)) break;
    const bytes = GROUP_HEADER_BYTES + group.bodyBytes;
    // An unbelievable length must not become an unbelievable buffer.
    if (position + bytes > window.size) break;
    const buffer = window.peek(position, bytes) ?? (await window.load(position, bytes));
    if (buffer.length < bytes || !isBodySound(buffer, GROUP_HEADER_BYTES, bytes, header.seed)) break;
    firstGroup ??= group.number;
    lastGroup = group.number;
    visit({
      number: group.number,
      buffer,
      start: GROUP_HEADER_BYTES,
      end: bytes,
      offset: position + GROUP_HEADER_BYTES,
    });
    position += bytes;
  }
  return { firstGroup, lastGroup, dataEnd: position };
}

export interface Remains {
  /** Where a group stands that was written after the next one: what is missing was durable once. */
  readonly laterGroup: number | undefined;
  /** After the last byte that is not zero; the end of the good groups when there is none. */
  readonly dirtyEnd: number;
}

/** What stands behind the good groups of a segment. */
export async function inspectRemains(
  window: FileWindow,
  header: SegmentHeader,
  good: ScannedExtent,
): Promise<Remains> {
  const from = good.dataEnd;
  let dirtyEnd = from;
  // Windows overlap by a header, so that one across their border is seen.
  const step = WINDOW_BYTES - GROUP_HEADER_BYTES;
  for (let position = from; position < window.size; position += step) {
    const chunk = await window.file.read(position, Math.min(WINDOW_BYTES, window.size - position));
    if (chunk.equals(ZEROS.subarray(0, chunk.length))) continue;
    dirtyEnd = position + chunk.length;
    for (let at = chunk.indexOf(header.mark); at >= 0; at = chunk.indexOf(header.mark, at + 1)) {
      const start = at - FRAME_HEADER_BYTES;
      const group = readGroupHeader(chunk, start, header);
      if (group === undefined) continue;
      // The group that would be next is the one that is torn; only a later one proves anything.
      const isNext = good.firstGroup === undefined || group.number === good.lastGroup + 1;
      if (position + start > from || !isNext) return { laterGroup: position + start, dirtyEnd };
    }
  }
  return { laterGroup: undefined, dirtyEnd };
}

/** Overwrites [start, end) with zeros. The caller syncs. */
export async function writeZeros(file: DiskFile, start: number, end: number): Promise<void> {
  for (let position = start; position < end; position += WINDOW_BYTES) {
    await file.write(position, [ZEROS.subarray(0, Math.min(WINDOW_BYTES, end - position))]);
  }
}
