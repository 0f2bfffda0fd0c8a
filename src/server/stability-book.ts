import type { AccountState } from '../account/index.ts';
import { type Membership, type Origin, StabilityTracker, type VersionVector } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';

/** What this region knows of the others' progress, for each partition it was ever told about. */
export class StabilityBook {
  readonly #self: Origin;
  readonly #trackers = new Map<PartitionNumber, StabilityTracker>();
  #membership: Membership;

  constructor(self: Origin, state: AccountState) {
    this.#self = self;
    this.#membership = membershipOf(state);
  }

  /** Those whose progress `stable` rests on. */
  get members(): readonly Origin[] {
    return this.#membership.origins;
  }

  membershipChanged(state: AccountState): void {
    const membership = membershipOf(state);
    if (membership.epoch === this.#membership.epoch || !membership.origins.includes(this.#self)) return;
    this.#membership = membership;
    for (const tracker of this.#trackers.values()) tracker.changeMembership(membership);
  }

  /** Takes note that `origin`, in membership epoch `epoch`, has durably applied `applied`. */
  observe(partition: PartitionNumber, origin: Origin, epoch: number, applied: VersionVector): void {
    this.#tracker(partition).observe({ origin, epoch, applied });
  }

  /** What every member is known to have; see StabilityTracker. */
  stable(partition: PartitionNumber, applied: VersionVector): VersionVector {
    return this.#tracker(partition).stable(applied);
  }

  /** See StabilityTracker. */
  hasHeardAll(partition: PartitionNumber, applied: VersionVector): boolean {
    return this.#tracker(partition).hasHeardAll(applied);
  }

  forget(partition: PartitionNumber): void {
    this.#trackers.delete(partition);
  }

  #tracker(partition: PartitionNumber): StabilityTracker {
    let tracker = this.#trackers.get(partition);
    if (tracker === undefined) {
      tracker = new StabilityTracker({ self: this.#self, membership: this.#membership });
      this.#trackers.set(partition, tracker);
    }
    return tracker;
  }
}

function membershipOf(state: AccountState): Membership {
  return { epoch: state.epoch, origins: state.regions.map((region) => region.origin) };
}
