import { join } from 'node:path';
import { assert } from '../base/index.ts';
import type { Disk, Runtime } from '../runtime/index.ts';
import { checkRead } from './argument-checks.ts';
import { FrameKind } from './frame.ts';
import { GroupCommit } from './group-commit.ts';
import { type Log, type LogDamagedError, LogLockedError, type Lsn, type PartitionNumber } from './log.ts';
import { PartitionTable } from './partition-table.ts';
import { recover } from './recovery.ts';
import { Scrub } from './scrub.ts';
import type { SealedSegment } from './sealed-segment.ts';
import { SegmentFiles } from './segment-files.ts';
import { markOf, segmentPath } from './segment-header.ts';
import { removeUnfinished, SegmentSupply } from './segment-supply.ts';
import { StreamReader } from './stream-reader.ts';
import { type ActiveSegment, activate, nextSegmentBytes, StreamWriter } from './stream-writer.ts';
import { TailCache } from './tail-cache.ts';

export interface FileLogOptions {
  readonly disk: Disk;
  /** Made if need be; holds nothing but this log. */
  readonly directory: string;
  readonly runtime: Pick<Runtime, 'soon' | 'after' | 'uuid'>;
  /** Length of a segment, which is what trimming frees. Default 64 MiB; a larger append gets a larger one. */
  readonly segmentBytes?: number;
  /** Memory for the newest entries, which replication reads again soon. Default 16 MiB. */
  readonly tailCacheBytes?: number;
}

export interface FileLog extends Log {
  /** What the log keeps on disk. */
  retention(): LogRetention;
  /**
   * Reads all sealed segments once, at a low pace; resolves with what cannot be read any more, nothing else
   * happens. Resolves early when the log is closed. One call at a time.
   */
  scrub(): Promise<LogDamagedError[]>;
}

export interface LogRetention {
  readonly segments: number;
  readonly sizeBytes: number;
}

const SEGMENT_BYTES = 64 << 20;
const TAIL_CACHE_BYTES = 16 << 20;
/**
 * The embedded engine: all partitions of a node in one stream of segment files, one write and one sync for
 * everything that came in while the sync before was under way (see GroupCommit for the order of things).
 *
 * Opens the log in a folder, recovering what a crash left. Entries that `read` gives are views of larger
 * buffers: copy those that live long.
 *
 * @throws LogLockedError when it is open already, LogDamagedError naming segment and offset when something
 * that was durable cannot be read, LogVersionError when a newer version wrote it.
 */
export async function openFileLog(options: FileLogOptions): Promise<FileLog> {
  const { disk, directory } = options;
  await disk.makeDirectory(directory);
  const unlock = await disk.lock(join(directory, 'lock'));
  if (unlock === undefined) throw new LogLockedError(directory);
  try {
    await removeUnfinished(disk, directory, await disk.list(directory));
    return await SegmentLog.open(options, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** What the parts of an open log are. */
interface Parts {
  readonly options: FileLogOptions;
  readonly unlock: () => Promise<void>;
  readonly table: PartitionTable;
  readonly supply: SegmentSupply;
  readonly sealed: SealedSegment[];
  readonly active: ActiveSegment;
}

class SegmentLog implements FileLog {
  readonly #options: FileLogOptions;
  readonly #unlock: () => Promise<void>;
  readonly #table: PartitionTable;
  readonly #supply: SegmentSupply;
  readonly #files: SegmentFiles;
  readonly #writer: StreamWriter;
  readonly #reader: StreamReader;
  readonly #commits: GroupCommit;
  readonly #scrub: Scrub;
  #closed: Promise<void> | undefined;

  static async open(options: FileLogOptions, unlock: () => Promise<void>): Promise<SegmentLog> {
    const { disk, directory, runtime, segmentBytes = SEGMENT_BYTES } = options;
    const recovered = await recover({ disk, directory });
    const logId = recovered?.logId ?? Buffer.concat([markOf(runtime.uuid()), markOf(runtime.uuid())]);
    const supply = new SegmentSupply({ disk, directory, runtime, logId });
    const active = recovered?.active ?? activate(await supply.take(1, nextSegmentBytes(0, segmentBytes)), 0);
    const { table = new PartitionTable(), sealed = [] } = recovered ?? {};
    const log = new SegmentLog({ options, unlock, table, supply, sealed, active });
    // A crash can come between the trim that made a segment useless and the end of the segment.
    log.#collect().catch(() => undefined);
    return log;
  }

  private constructor(parts: Parts) {
    const { options, table, supply, sealed, active } = parts;
    this.#options = options;
    this.#unlock = parts.unlock;
    this.#table = table;
    this.#supply = supply;
    this.#files = new SegmentFiles(options.disk, options.directory);
    this.#scrub = new Scrub(this.#files, options.runtime);
    const cache = new TailCache(options.tailCacheBytes ?? TAIL_CACHE_BYTES);
    this.#writer = new StreamWriter({
      supply,
      cache,
      table,
      segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
      sealed,
      active,
      onSealFailed: (reason) => this.#commits.fail(reason),
    });
    this.#reader = new StreamReader({ files: this.#files, cache, segments: this.#writer });
    this.#commits = new GroupCommit(table, options.runtime, {
      commit: (records) => this.#writer.commit(records),
      onNote: ({ kind, lsn }) => {
        if (kind === FrameKind.discard) this.#writer.remove(lsn);
      },
    });
  }

  get failed(): Promise<unknown> {
    return this.#commits.failed;
  }

  tail(partition: PartitionNumber): Lsn {
    return this.#table.get(partition)?.tail ?? 0;
  }

  head(partition: PartitionNumber): Lsn {
    return this.#table.get(partition)?.head ?? 1;
  }

  partitions(): PartitionNumber[] {
    return this.#table.durable();
  }

  append(partition: PartitionNumber, expectedTail: Lsn, entries: readonly Uint8Array[]): Promise<Lsn> {
    return this.#commits.append(partition, expectedTail, entries);
  }

  onDurable(listener: (partitions: readonly PartitionNumber[]) => void): () => void {
    return this.#commits.onDurable(listener);
  }

  async read(partition: PartitionNumber, fromLsn: Lsn, bytesMax: number): Promise<Uint8Array[]> {
    assert(this.#closed === undefined, 'a closed log is not read');
    const state = this.#table.get(partition);
    checkRead(state, fromLsn);
    return state === undefined ? [] : this.#reader.read(state, fromLsn, bytesMax);
  }

  async trim(partition: PartitionNumber, lsn: Lsn): Promise<void> {
    await this.#commits.trim(partition, lsn);
    await this.#collect();
  }

  async drop(partition: PartitionNumber): Promise<void> {
    await this.#commits.drop(partition);
    await this.#collect();
  }

  retention(): LogRetention {
    const { sealed, active } = this.#writer;
    return {
      segments: sealed.length + 1,
      sizeBytes: sealed.reduce((sum, segment) => sum + segment.sizeBytes, active.capacity),
    };
  }

  scrub(): Promise<LogDamagedError[]> {
    return this.#scrub.run([...this.#writer.sealed]);
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    this.#scrub.stop();
    // This group says that nothing follows it: damage to the one before is then never taken for a torn end.
    await this.#commits.finish({ kind: FrameKind.close, partition: 0, lsn: 0 });
    this.#files.close();
    // A disk that failed may fail here as well; nothing that was promised depends on it any more.
    await this.#supply.close().catch(() => undefined);
    await this.#writer.close().catch(() => undefined);
    await this.#unlock();
  }

  /** Deletes segments that nobody wants any more. */
  async #collect(): Promise<void> {
    const useless = this.#writer.sealed.filter(
      (segment) => !segment.isDiscarding && segment.isForgotten(this.#table),
    );
    for (const segment of useless) segment.isDiscarding = true;
    await Promise.all(useless.map((segment) => this.#discard(segment)));
  }

  async #discard(segment: SealedSegment): Promise<void> {
    const { disk, directory } = this.#options;
    // Its footer may still be on the way.
    await this.#writer.settled();
    if (!this.#commits.isOpen) return;
    // On record before it happens: a segment that is missing without a word is damage.
    await this.#commits.write({ kind: FrameKind.discard, partition: 0, lsn: segment.number });
    this.#files.forget(segment.number);
    this.#reader.forget(segment.number);
    // One that stays all the same is removed when the log is opened next.
    await disk.remove(segmentPath(directory, segment.number)).catch(() => undefined);
  }
}
