import type { Origin, VersionVector } from '../causality/index.ts';
import type { Lsn, PartitionNumber } from '../log/index.ts';

/** A physical partition as replication sees it: a durable sequence of entries with a vector. */
export interface ReplicatedPartition {
  readonly number: PartitionNumber;
  /** What is durable and applied here. Changes in place; clone to keep. */
  readonly vector: VersionVector;
  /** LSN of the last durable entry. */
  tail(): Lsn;
  /**
   * Everything up to this LSN is surely covered by `vector`; a good place to start reading for someone who
   * has it.
   */
  coveredLsn(vector: VersionVector): Lsn;
  /** Durable entries from `fromLsn` on; see Log.read. */
  read(fromLsn: Lsn, bytesMax: number): Promise<Uint8Array[]>;
  /**
   * What another region must have had on its disk, since what this one has dropped rests on it; undefined for
   * nothing. Not to be changed.
   */
  knownOf(origin: Origin): VersionVector | undefined;
  /**
   * Appends and applies entries of other regions, in the order given. Entries that are already covered are
   * skipped; each other one must be deliverable when its turn comes (n follows on, context covered).
   * Resolves when all are durable. Rejects with ViewsForgetfulError when the views must be made anew first.
   */
  receive(entries: readonly Uint8Array[]): Promise<void>;
}

/** The partitions of one region's node. */
export interface PartitionTable {
  get(number: PartitionNumber): ReplicatedPartition | undefined;
  numbers(): Iterable<PartitionNumber>;
  /**
   * Listeners learn of partitions that appear later, of groups that became durable, and of dropped ones.
   * Each returns its removal.
   */
  onOpened(listener: (number: PartitionNumber) => void): () => void;
  onDurable(listener: (numbers: readonly PartitionNumber[]) => void): () => void;
  onDropped(listener: (number: PartitionNumber) => void): () => void;
}
