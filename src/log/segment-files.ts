import type { Disk, DiskFile } from '../runtime/index.ts';
import { segmentPath } from './segment-header.ts';

const OPEN_MAX = 16;

interface OpenFile {
  readonly file: Promise<DiskFile>;
  users: number;
  isDoomed: boolean;
}

/** Segments opened for reading: few at a time, and never closed under a reader. */
export class SegmentFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  /** Coldest first. */
  readonly #open = new Map<number, OpenFile>();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  async read(segment: number, position: number, length: number): Promise<Buffer> {
    const entry = this.#open.get(segment) ?? this.#start(segment);
    this.#open.delete(segment);
    this.#open.set(segment, entry);
    entry.users++;
    try {
      return await (await entry.file).read(position, length);
    } catch (error) {
      entry.isDoomed = true;
      throw error;
    } finally {
      entry.users--;
      this.#closeIdle(segment, entry);
    }
  }

  /** The file is about to go; readers that are under way finish. */
  forget(segment: number): void {
    const entry = this.#open.get(segment);
    if (entry === undefined) return;
    entry.isDoomed = true;
    this.#closeIdle(segment, entry);
  }

  close(): void {
    for (const segment of [...this.#open.keys()]) this.forget(segment);
  }

  #start(segment: number): OpenFile {
    const file = this.#disk.open(segmentPath(this.#directory, segment), 'read');
    return { file, users: 0, isDoomed: false };
  }

  #closeIdle(segment: number, entry: OpenFile): void {
    if (entry.users === 0 && entry.isDoomed) this.#release(segment, entry);
    if (this.#open.size <= OPEN_MAX) return;
    for (const [number, idle] of this.#open) {
      if (idle.users > 0) continue;
      this.#release(number, idle);
      return;
    }
  }

  #release(segment: number, entry: OpenFile): void {
    if (this.#open.get(segment) === entry) this.#open.delete(segment);
    // Closing a file that was only read loses nothing, and one that never opened has nothing to close.
    entry.file.then((file) => file.close()).catch(() => undefined);
  }
}
