import { crc32 } from 'node:zlib';
import { assert } from '../base/index.ts';
import { createNodeRuntime, type Runtime } from '../runtime/index.ts';
import { checkRead } from './argument-checks.ts';
import { FrameKind } from './frame.ts';
import { GroupCommit } from './group-commit.ts';
import type { Log, Lsn, PartitionNumber } from './log.ts';
import type { LogRecord } from './log-record.ts';
import { PartitionTable } from './partition-table.ts';

/** What came of the group that was being synced when the power went. Earlier ones are safe, later gone. */
export type UnsyncedFate =
  /** None of its bytes arrived. */
  | 'lost'
  /** Some did: recovery finds that its checksum is wrong and drops all of it. */
  | 'torn'
  /** All did: its entries are there after the restart, though nobody was told so. */
  | 'kept';

interface Shelf {
  /** LSN of the first entry. */
  head: Lsn;
  readonly entries: Uint8Array[];
}

interface UnsyncedGroup {
  readonly records: readonly LogRecord[];
  readonly checksum: number;
}

/** What memory logs write to: outlives them, as a disk outlives a process. One log uses it at a time. */
export class MemoryMedium {
  readonly #shelves = new Map<PartitionNumber, Shelf>();
  readonly #dropped = new Set<PartitionNumber>();
  #unsynced: UnsyncedGroup | undefined;

  /** The entries of a partition, the first one with the LSN of its head. */
  entriesOf(partition: PartitionNumber): readonly Uint8Array[] {
    return this.#shelves.get(partition)?.entries ?? [];
  }

  /** What a copy of the disk holds that is made now. */
  copy(): MemoryMedium {
    const copy = new MemoryMedium();
    for (const [partition, { head, entries }] of this.#shelves) {
      copy.#shelves.set(partition, { head, entries: [...entries] });
    }
    for (const partition of this.#dropped) copy.#dropped.add(partition);
    return copy;
  }

  apply(records: readonly LogRecord[]): void {
    for (const { kind, partition, lsn, payloads } of records) {
      const shelf = this.#shelves.get(partition) ?? { head: 1, entries: [] };
      if (kind === FrameKind.drop) {
        this.#shelves.delete(partition);
        this.#dropped.add(partition);
      } else if (kind === FrameKind.trim) {
        const count = Math.max(0, lsn + 1 - shelf.head);
        shelf.entries.splice(0, count);
        shelf.head += count;
      } else if (kind === FrameKind.entry) {
        assert(lsn === shelf.head + shelf.entries.length, 'entries of a partition follow on each other');
        for (const payload of payloads ?? []) shelf.entries.push(payload);
        this.#shelves.set(partition, shelf);
      }
    }
  }

  /** Leaves what the power loss left of a group that was written and not synced. */
  abandon(records: readonly LogRecord[], fate: UnsyncedFate): void {
    if (fate === 'lost') return;
    const checksum = checksumOf(records);
    this.#unsynced = { records: fate === 'torn' ? tear(records) : records, checksum };
  }

  /** The state that a log starts with, after it has judged what was abandoned. */
  recover(): PartitionTable {
    const unsynced = this.#unsynced;
    this.#unsynced = undefined;
    if (unsynced !== undefined && checksumOf(unsynced.records) === unsynced.checksum) {
      this.apply(unsynced.records);
    }
    const table = new PartitionTable();
    for (const [partition, { head, entries }] of this.#shelves) {
      const state = table.obtain(partition);
      state.head = head;
      state.tail = head + entries.length - 1;
      state.acceptedTail = state.tail;
    }
    for (const partition of this.#dropped) table.drop(partition);
    return table;
  }
}

export interface MemoryLogOptions {
  /** Where the time of syncs comes from. Default: real time. */
  readonly runtime?: Pick<Runtime, 'soon' | 'after'>;
  /** How long a sync takes, in milliseconds. Default 0, which still takes a turn. */
  readonly syncMs?: number;
  /** What an earlier log left. */
  readonly medium?: MemoryMedium;
}

/** The engine for simulations and tests: not on any disk, but what is not synced can be lost all the same. */
export interface MemoryLog extends Log {
  /** For the next log, after `powerLoss` or `close`. */
  readonly medium: MemoryMedium;
  /** How long syncs take from the next one on, in milliseconds. */
  syncMs: number;
  /** The next sync fails, and the log with it, as a file would. */
  failNextSync(reason: unknown): void;
  /**
   * Takes the power away. From now on this log answers nothing, neither good nor bad, as a dead process does;
   * all that it acknowledged is in `medium`.
   */
  powerLoss(fate: UnsyncedFate): void;
}

export function createMemoryLog(options: MemoryLogOptions = {}): MemoryLog {
  return new ShelvedLog(options);
}

class ShelvedLog implements MemoryLog {
  readonly medium: MemoryMedium;
  syncMs: number;
  readonly #runtime: Pick<Runtime, 'soon' | 'after'>;
  readonly #table: PartitionTable;
  readonly #commits: GroupCommit;
  #underWay: readonly LogRecord[] | undefined;
  #nextFailure: { readonly reason: unknown } | undefined;
  #isDead = false;
  #isClosed = false;

  constructor(options: MemoryLogOptions) {
    this.medium = options.medium ?? new MemoryMedium();
    this.syncMs = options.syncMs ?? 0;
    this.#runtime = options.runtime ?? createNodeRuntime({ timersHoldProcess: true });
    this.#table = this.medium.recover();
    this.#commits = new GroupCommit(this.#table, this.#runtime, {
      commit: (records) => this.#commit(records),
      onNote: () => undefined,
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
    return this.#isDead ? silence() : this.#commits.append(partition, expectedTail, entries);
  }

  async read(partition: PartitionNumber, fromLsn: Lsn, bytesMax: number): Promise<Uint8Array[]> {
    if (this.#isDead) return silence();
    assert(!this.#isClosed, 'a closed log is not read');
    const state = this.#table.get(partition);
    checkRead(state, fromLsn);
    const found: Uint8Array[] = [];
    if (state === undefined) return found;
    const entries = this.medium.entriesOf(partition);
    let bytes = 0;
    for (let lsn = fromLsn; lsn <= state.tail && (bytes < bytesMax || found.length === 0); lsn++) {
      const entry = entries[lsn - state.head];
      assert(entry !== undefined, 'every entry from head to tail is kept');
      found.push(entry);
      bytes += entry.length;
    }
    return found;
  }

  onDurable(listener: (partitions: readonly PartitionNumber[]) => void): () => void {
    return this.#commits.onDurable(listener);
  }

  trim(partition: PartitionNumber, lsn: Lsn): Promise<void> {
    return this.#isDead ? silence() : this.#commits.trim(partition, lsn);
  }

  drop(partition: PartitionNumber): Promise<void> {
    return this.#isDead ? silence() : this.#commits.drop(partition);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (!this.#isDead) await this.#commits.finish({ kind: FrameKind.close, partition: 0, lsn: 0 });
  }

  failNextSync(reason: unknown): void {
    this.#nextFailure = { reason };
  }

  powerLoss(fate: UnsyncedFate): void {
    if (this.#isDead) return;
    this.#isDead = true;
    if (this.#underWay !== undefined) this.medium.abandon(this.#underWay, fate);
  }

  async #commit(records: readonly LogRecord[]): Promise<void> {
    if (this.#isDead) return silence();
    this.#underWay = records;
    await new Promise<void>((resolve) => {
      if (this.syncMs > 0) this.#runtime.after(this.syncMs, resolve);
      else this.#runtime.soon(resolve);
    });
    if (this.#isDead) return silence();
    const failure = this.#nextFailure;
    if (failure !== undefined) throw failure.reason;
    this.#underWay = undefined;
    this.medium.apply(records);
  }
}

/** Never settles. */
function silence(): Promise<never> {
  return new Promise(() => undefined);
}

function checksumOf(records: readonly LogRecord[]): number {
  let checksum = 0;
  for (const { kind, partition, lsn, payloads } of records) {
    checksum = crc32(`${kind}:${partition}:${lsn}:${payloads?.length};`, checksum);
    for (const payload of payloads ?? []) checksum = crc32(payload, checksum);
  }
  return checksum;
}

/** What a write is like of which the last sectors never arrived. */
function tear(records: readonly LogRecord[]): readonly LogRecord[] {
  const torn = [...records];
  const last = torn.pop();
  const whole = last?.payloads?.at(-1);
  if (last === undefined || whole === undefined) return torn;
  const rest = whole.subarray(0, whole.length >> 1);
  return [...torn, { ...last, payloads: [...(last.payloads ?? []).slice(0, -1), rest] }];
}
