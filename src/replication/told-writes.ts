import type { Origin, VersionVector } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';

/**
 * This region's disk is an older copy of what it was: another region has writes of it that it does not know,
 * or knows it to have had what it has no more. The numbers of its writes would come to mean other writes, and
 * others may have forgotten, since this region had it too, what its writes would contradict. So it must not
 * go on with this disk.
 */
export class DiskOutdatedError extends Error {
  override name = 'DiskOutdatedError';

  constructor(finding: string) {
    const wayOut = 'Wipe it: it comes back with all that the others have';
    super(`the disk is a copy from an earlier time: ${finding}. ${wayOut}`);
  }
}

/**
 * What is wrong when the region with origin `peer` knows this region to have had `known` durably, and it has
 * `applied`; undefined for nothing.
 */
export function lossOf(of: {
  readonly partition: PartitionNumber;
  readonly peer: Origin;
  readonly known: VersionVector;
  readonly applied: VersionVector;
}): DiskOutdatedError | undefined {
  const { partition, peer, known, applied } = of;
  if (applied.coversAll(known)) return undefined;
  return new DiskOutdatedError(
    `of partition ${partition} this region has (${applied}), and has told that it had (${known}), as the ` +
      `region with origin ${peer} knows`,
  );
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
      `this region told ${told} of its own writes to partition ${partition}, and the region with origin ` +
        `${peer} has ${known}`,
    );
  }
}
