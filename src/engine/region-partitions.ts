import type { ContainerRecord, PartitionRecord } from '../account/index.ts';
import type { Origin } from '../causality/index.ts';
import type { Indexer } from '../index/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import type { Partition, PartitionHost } from '../partition/index.ts';

/**
 * Keeps the partitions that a region's node has open in step with the containers that the account has.
 * A request may come before the region has heard of its container's birth, so whoever needs a partition
 * opens it.
 */
export class RegionPartitions {
  readonly #host: PartitionHost;
  readonly #origin: Origin;
  readonly #opening = new Map<PartitionNumber, Promise<Partition>>();

  constructor(host: PartitionHost, origin: Origin) {
    this.#host = host;
    this.#origin = origin;
  }

  get host(): PartitionHost {
    return this.#host;
  }

  /** The open partition, or a promise of it. */
  get(record: PartitionRecord, indexer: Indexer): Partition | Promise<Partition> {
    return this.#host.get(record.number) ?? this.#open(record, indexer);
  }

  #open(record: PartitionRecord, indexer: Indexer): Promise<Partition> {
    const opening = this.#opening.get(record.number);
    if (opening !== undefined) return opening;
    const opened = this.#host
      .open(record.number, this.#origin, indexer)
      .finally(() => this.#opening.delete(record.number));
    this.#opening.set(record.number, opened);
    return opened;
  }

  async openAll(record: ContainerRecord, indexer: Indexer): Promise<void> {
    for (const partition of record.partitions) await this.get(partition, indexer);
  }

  async dropAll(record: ContainerRecord): Promise<void> {
    for (const partition of record.partitions) {
      await this.#opening.get(partition.number);
      await this.#host.drop(partition.number);
    }
  }
}
