import { assert } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { checkAppend } from './argument-checks.ts';
import { FrameKind } from './frame.ts';
import { FencedError, type Lsn, type PartitionNumber } from './log.ts';
import { type LogRecord, recordBytes } from './log-record.ts';
import type { PartitionTable } from './partition-table.ts';

/** Longer groups would win nothing more, and make the first append in them wait for the last. */
const GROUP_BYTES_MAX = 1 << 20;

/** A record that waits for its group, or is in it. */
interface Work {
  readonly record: LogRecord;
  readonly bytes: number;
  readonly resolve: (tail: Lsn) => void;
  readonly reject: (reason: unknown) => void;
}

/** Where groups become durable. */
export interface GroupTarget {
  /** Makes all records durable or none; called again only after it resolved. A rejection ends the log. */
  commit(records: readonly LogRecord[]): Promise<void>;
  /** A record without entries is durable now. */
  onNote(record: LogRecord): void;
}

/**
 * The order of a log: what both engines do before and after bytes become durable.
 *
 * Three things happen to an append. It is *accepted* when it expects the tail that the appends accepted
 * before it will leave; it is *written* with everything that came in while the group before was under way;
 * it is *durable* when that group is. Then tails advance, appends resolve in the order of acceptance, and
 * listeners are told. Since promises go on later, listeners run before the code that awaited the appends.
 */
export class GroupCommit {
  readonly failed: Promise<unknown>;
  readonly #table: PartitionTable;
  readonly #runtime: Pick<Runtime, 'soon'>;
  readonly #target: GroupTarget;
  readonly #listeners = new Set<(partitions: readonly PartitionNumber[]) => void>();
  #declareFailed: (reason: unknown) => void = () => undefined;
  #failure: { readonly reason: unknown } | undefined;
  #finished: Promise<void> | undefined;
  #queue: Work[] = [];
  #isWriting = false;
  /** Resolves when nothing is being written any more. */
  #written: Promise<void> = Promise.resolve();
  #groups = 0;

  constructor(table: PartitionTable, runtime: Pick<Runtime, 'soon'>, target: GroupTarget) {
    this.#table = table;
    this.#runtime = runtime;
    this.#target = target;
    this.failed = new Promise((resolve) => {
      this.#declareFailed = resolve;
    });
  }

  get isOpen(): boolean {
    return this.#failure === undefined && this.#finished === undefined;
  }

  append(partition: PartitionNumber, expectedTail: Lsn, entries: readonly Uint8Array[]): Promise<Lsn> {
    // What throws in here rejects the promise.
    return new Promise((resolve, reject) => {
      checkAppend(partition, expectedTail, entries);
      this.#checkOpen();
      let state = this.#table.get(partition);
      if (state === undefined ? this.#table.isDropped(partition) : state.isDropping) {
        throw new DatabaseError('PartitionKeyRangeGone', `Partition ${partition} was dropped.`);
      }
      const tail = state?.acceptedTail ?? 0;
      if (tail !== expectedTail) throw new FencedError(expectedTail, tail);
      const isSettled = state === undefined || state.tail === tail;
      if (entries.length === 0 && isSettled) return resolve(tail);
      state ??= this.#table.obtain(partition);
      state.acceptedTail += entries.length;
      const record = { kind: FrameKind.entry, partition, lsn: tail + 1, payloads: entries, state };
      this.#enqueue({ record, bytes: recordBytes(record), resolve, reject });
    });
  }

  /** Raises the head of a partition, durably. */
  async trim(partition: PartitionNumber, lsn: Lsn): Promise<void> {
    this.#checkOpen();
    const state = this.#table.get(partition);
    const mark = Math.min(lsn, state?.tail ?? 0);
    if (state === undefined || state.isDropping || mark < state.head) return;
    await this.write({ kind: FrameKind.trim, partition, lsn: mark });
  }

  /** Ends a partition, durably; appends that were accepted before are not affected. */
  async drop(partition: PartitionNumber): Promise<void> {
    this.#checkOpen();
    if (this.#table.isDropped(partition)) return;
    this.#table.obtain(partition).isDropping = true;
    await this.write({ kind: FrameKind.drop, partition, lsn: 0 });
  }

  /** Makes a record durable, after everything that was accepted before. */
  write(record: LogRecord): Promise<Lsn> {
    return new Promise((resolve, reject) => {
      this.#checkOpen();
      this.#enqueue({ record, bytes: recordBytes(record), resolve, reject });
    });
  }

  onDurable(listener: (partitions: readonly PartitionNumber[]) => void): () => void {
    // Wrapped, so that one function given twice is two listeners, each with its own removal.
    const own = (partitions: readonly PartitionNumber[]): void => listener(partitions);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** After a failed write or sync nobody knows what is durable, so nothing is promised any more. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#declareFailed(reason);
    for (const work of this.#queue.splice(0)) work.reject(reason);
  }

  /**
   * Takes nothing more; resolves when all that was accepted is durable and `last` too, or the log failed, and
   * nothing is being written any more: also after a failure a group may be on its way to a file.
   */
  finish(last: LogRecord): Promise<void> {
    if (this.#finished === undefined) {
      const end = this.#failure === undefined ? this.write(last).catch(() => undefined) : this.failed;
      this.#finished = end.then(() => this.#written);
    }
    return this.#finished;
  }

  #checkOpen(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
    assert(this.#finished === undefined, 'a closed log takes nothing');
  }

  #enqueue(work: Work): void {
    this.#queue.push(work);
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#written = new Promise((resolve) => {
      this.#runtime.soon(() => void this.#writeGroups().then(resolve));
    });
  }

  async #writeGroups(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#target.commit(group.map((work) => work.record));
        // Something else may have failed meanwhile, on the same disk.
        if (this.#failure !== undefined) throw this.#failure.reason;
        this.#settle(group);
      } catch (error) {
        for (const work of group) work.reject(error);
        this.fail(error);
        return;
      }
      // Those who waited for this group get to append again, so that the next one holds them all.
      await new Promise<void>((resolve) => this.#runtime.soon(resolve));
    }
    this.#isWriting = false;
  }

  #takeGroup(): Work[] {
    let bytes = 0;
    let count = 0;
    for (const work of this.#queue) {
      bytes += work.bytes;
      if (bytes > GROUP_BYTES_MAX && count > 0) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  #settle(group: readonly Work[]): void {
    const grown: PartitionNumber[] = [];
    this.#groups++;
    for (const { record, resolve } of group) {
      const { state, payloads } = record;
      if (state === undefined || payloads === undefined) {
        this.#applyNote(record);
      } else if (payloads.length > 0) {
        state.tail = record.lsn + payloads.length - 1;
        if (state.lastGroup !== this.#groups) grown.push(state.number);
        state.lastGroup = this.#groups;
      }
      resolve(state?.tail ?? 0);
    }
    if (grown.length > 0) for (const listener of this.#listeners) listener(grown);
  }

  #applyNote(record: LogRecord): void {
    const { kind, partition, lsn } = record;
    const state = this.#table.get(partition);
    if (kind === FrameKind.trim && state !== undefined) state.head = Math.max(state.head, lsn + 1);
    if (kind === FrameKind.drop) {
      // For readers that are under way.
      if (state !== undefined) state.head = state.tail + 1;
      this.#table.drop(partition);
    }
    this.#target.onNote(record);
  }
}
