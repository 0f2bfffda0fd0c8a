import type { DiskFile, Runtime } from '../runtime/index.ts';
import { LogDamagedError } from './log.ts';
import { collectRows } from './replay.ts';
import type { SealedSegment } from './sealed-segment.ts';
import type { SegmentFiles } from './segment-files.ts';
import { segmentName } from './segment-header.ts';

/** 4 MiB a second: a full segment takes 16 seconds, and nobody waits for it. */
const BYTES_PER_MS = 4096;

/**
 * Reads what nobody asks for. Opening a log looks at the footers of sealed segments alone, and their entries
 * are read when another region starts over, which may be years later: bytes that have rotted meanwhile should
 * be known while others still hold what they said.
 */
export class Scrub {
  readonly #files: SegmentFiles;
  readonly #runtime: Pick<Runtime, 'after'>;
  #wake: (() => void) | undefined;
  #isStopped = false;

  constructor(files: SegmentFiles, runtime: Pick<Runtime, 'after'>) {
    this.#files = files;
    this.#runtime = runtime;
  }

  /** What is wrong with these segments, one finding for each; those up to where it was stopped. */
  async run(segments: readonly SealedSegment[]): Promise<LogDamagedError[]> {
    const found: LogDamagedError[] = [];
    for (const segment of segments) {
      const damage = await this.#check(segment);
      if (this.#isStopped) break;
      if (damage !== undefined) found.push(damage);
    }
    return found;
  }

  /** Reads nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  async #check(segment: SealedSegment): Promise<LogDamagedError | undefined> {
    try {
      await collectRows(this.#paced(segment), segment.header, segment.extent);
      return undefined;
    } catch (error) {
      // One that is being deleted cannot be read, and need not be.
      if (segment.isDiscarding) return undefined;
      if (error instanceof LogDamagedError) return error;
      const reason = error instanceof Error ? error.message : String(error);
      return new LogDamagedError(`log segment ${segmentName(segment.number)} cannot be read: ${reason}`, {
        cause: error,
      });
    }
  }

  /** The segment's file, at a pace at which others hardly notice. */
  #paced({ number }: SealedSegment): Pick<DiskFile, 'read'> {
    return {
      read: async (position, length) => {
        await this.#rest(length / BYTES_PER_MS);
        return this.#isStopped ? Buffer.alloc(0) : this.#files.read(number, position, length);
      },
    };
  }

  async #rest(ms: number): Promise<void> {
    if (this.#isStopped) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#runtime.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
