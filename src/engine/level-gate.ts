import type { VersionVector } from '../causality/index.ts';
import type { Lsn, PartitionNumber } from '../log/index.ts';

/** What a region does for the account's consistency level beyond keeping its own data. */
export interface LevelGate {
  /** `none`: the level asks nothing of the kind. */
  readonly kind: 'none' | 'bounded' | 'strong';
  /** Reads of the account's level may be answered from this region's own data. */
  holdsLease(): boolean;
  /**
   * No region has all of `demand`, and none ever will: writes of a storage life that ended were lost
   * with it.
   */
  isLost(partition: PartitionNumber, demand: VersionVector): boolean;
  /**
   * Resolves when everything that is durable here up to `lsn` (unless given: all of it) is globally
   * committed; undefined when it is, or need not be.
   */
  committed(partition: PartitionNumber, lsn?: Lsn): CommitWait | undefined;
  /** What is durable here and known to be globally committed; undefined when nobody keeps account of it. */
  committedHere(partition: PartitionNumber): VersionVector | undefined;
}

/** A promise that can be given up: nobody will look at it any more. */
export interface CommitWait {
  readonly promise: Promise<void>;
  readonly cancel: () => void;
}
