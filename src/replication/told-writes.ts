import type { Origin, VersionVector } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';

/**
 * This region's disk is an older copy of what it was: another region has writes of it that it does not know.
 * Their numbers would come to mean other writes, so the region must not go on with this disk.
 */
export class DiskOutdatedError extends Error {
  override name = 'DiskOutdatedError';
}

/**
 * How many of its own writes this region may have told anybody: those that it began with, and those that it
 * has sent since. Who has more has them from an earlier life, on a disk that was newer than this one. That
 * nothing is sent to who has it already lets this be found out also where new writes took the same numbers.
 */
export class ToldWrites {
  readonly #self: Origin;
  readonly #told = new Map<PartitionNumber, number>();

  constructor(self: Origin) {
    this.#self = self;
  }

  /** A partition that is open with `applied`, before anything is written. */
  open(partition: PartitionNumber, applied: VersionVector | undefined): void {
    this.note(partition, applied?.get(this.#self) ?? 0);
  }

  /** The n-th own write is being sent. */
  note(partition: PartitionNumber, n: number): void {
    this.#told.set(partition, Math.max(this.#told.get(partition) ?? 0, n));
  }

  /** What is wrong when the region with origin `peer` has `vector`; undefined for nothing. */
  problem(partition: PartitionNumber, peer: Origin, vector: VersionVector): DiskOutdatedError | undefined {
    const [told, known] = [this.#told.get(partition), vector.get(this.#self)];
    if (told === undefined || known <= told) return undefined;
    return new DiskOutdatedError(
      `the disk is a copy from an earlier time: this region told ${told} of its own writes to partition ` +
        `${partition}, and the region with origin ${peer} has ${known}. Wipe it: it comes back with all ` +
        'that the others have',
    );
  }
}
