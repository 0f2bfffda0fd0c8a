/**
 * Position of an entry in one partition's log. The first entry of a log has LSN 1; 0 means "before all".
 * Logical: engines keep the entries of all partitions of a node in one physical stream.
 */
export type Lsn = number;

/** Names a log; the same physical partition has the same number in every region. From 1 to 2^32 - 1. */
export type PartitionNumber = number;

/** Of one entry. */
export const ENTRY_BYTES_MAX = 16 << 20;

/** The caller's idea of the tail is not the log's: somebody else appended, so the caller leads no more. */
export class FencedError extends Error {
  override name = 'FencedError';
  readonly expected: Lsn;
  readonly actual: Lsn;

  constructor(expected: Lsn, actual: Lsn) {
    super(`append expected the log to end at ${expected}, but it ends at ${actual}`);
    this.expected = expected;
    this.actual = actual;
  }
}

/** Bytes that were once durable can no longer be read. Never repaired by cutting: the operator must know. */
export class LogDamagedError extends Error {
  override name = 'LogDamagedError';
}

/** A newer version of this program wrote the log, and this one cannot read it. Nothing was changed. */
export class LogVersionError extends Error {
  override name = 'LogVersionError';
  readonly found: number;
  readonly supported: number;

  constructor(name: string, found: number, supported: number) {
    super(`${name} has format ${found}; this version of Orrery reads formats up to ${supported}`);
    this.found = found;
    this.supported = supported;
  }
}

/** Somebody else has the log open; two writers would destroy it. */
export class LogLockedError extends Error {
  override name = 'LogLockedError';

  constructor(directory: string) {
    super(`the log in ${directory} is open already, here or in another process`);
  }
}

/**
 * A durable, totally ordered log for each partition. Only this module makes anything durable.
 *
 * Callers' duties: one writer for each partition; `append` calls of a partition may follow each other
 * without waiting, each expecting the tail that the one before will leave; entries are not changed after
 * the call. Entries are 1 byte to `ENTRY_BYTES_MAX`.
 */
export interface Log {
  /** LSN of the last durable entry; 0 when empty or unknown. */
  tail(partition: PartitionNumber): Lsn;
  /** LSN of the oldest entry that is still kept; tail + 1 when none is. */
  head(partition: PartitionNumber): Lsn;
  /**
   * Appends all entries or none after `expectedTail` and resolves with the new tail once they are durable.
   * Rejects with FencedError when the log does not end at `expectedTail` (counting appends under way).
   * When the disk fails, this and all later calls reject and `failed` resolves: the process must stop,
   * since a second fsync can report success for pages that the first one lost.
   */
  append(partition: PartitionNumber, expectedTail: Lsn, entries: readonly Uint8Array[]): Promise<Lsn>;
  /**
   * Durable entries from `fromLsn` on, in order, up to about `bytesMax` bytes but at least one if there is
   * one; empty at the tail. Rejects with RangeError when `fromLsn` is below the head, with LogDamagedError on
   * damage. Entries may be views of larger buffers: copy those that live long.
   */
  read(partition: PartitionNumber, fromLsn: Lsn, bytesMax: number): Promise<Uint8Array[]>;
  /**
   * Calls `listener` each time a group became durable, with the partitions that grew: after their tails moved
   * and before the code that awaits the appends goes on. Returns its removal.
   */
  onDurable(listener: (partitions: readonly PartitionNumber[]) => void): () => void;
  /**
   * Allows the engine to forget entries up to and including `lsn`, the tail at most; resolves when that is
   * durable. Space is freed in whole segments, when all of a segment may go.
   */
  trim(partition: PartitionNumber, lsn: Lsn): Promise<void>;
  /**
   * Forgets a partition and its entries; resolves when that is durable. Its number may not be used again:
   * appends reject with DatabaseError `PartitionKeyRangeGone` from the call on.
   */
  drop(partition: PartitionNumber): Promise<void>;
  /** Numbers of all partitions with a log, including empty ones that were appended to once. */
  partitions(): PartitionNumber[];
  /** Resolves with the reason once the log can no longer promise anything. */
  readonly failed: Promise<unknown>;
  /** Finishes appends under way. */
  close(): Promise<void>;
}
