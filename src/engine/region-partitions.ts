import type { ContainerRecord, PartitionRecord } from '../account/index.ts';
import type { Origin } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { Indexer } from '../index/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import type { Partition, PartitionHost } from '../partition/index.ts';
import { uniqueKeysOf } from '../resource/index.ts';

/** What a partition follows of its container's policies. */
export interface PartitionPolicies {
  readonly indexer: Indexer;
  readonly defaultTtl: number | undefined;
}

/**
 * Keeps the partitions that a region's node has open in step with the containers that the account has.
 * A request may come before the region has heard of its container's birth, so whoever needs a partition
 * opens it.
 */
export class RegionPartitions {
  readonly #host: PartitionHost;
  readonly #origin: Origin;
  readonly #isWanted: (container: ContainerRecord) => boolean;
  readonly #opening = new Map<PartitionNumber, Promise<Partition>>();

  /** `isWanted`: whether the account still has the container. Where it has not, nothing is opened. */
  constructor(host: PartitionHost, origin: Origin, isWanted: (container: ContainerRecord) => boolean) {
    this.#host = host;
    this.#origin = origin;
    this.#isWanted = isWanted;
  }

  get host(): PartitionHost {
    return this.#host;
  }

  /**
   * The open partition, or a promise of it.
   * @throws DatabaseError `OwnerNotFound` when the account has the container no more: a request may have
   * found it before it was deleted and come here after.
   */
  get(container: ContainerRecord, record: PartitionRecord, indexer: Indexer): Partition | Promise<Partition> {
    return this.#host.get(record.number) ?? this.#open(container, record, indexer);
  }

  /** @throws DatabaseError `OwnerNotFound` when the partition was dropped since it was opened. */
  requireOpen(record: PartitionRecord, partition: Partition): void {
    if (this.#host.get(record.number) !== partition) throw ownerNotFound();
  }

  #open(container: ContainerRecord, record: PartitionRecord, indexer: Indexer): Promise<Partition> {
    if (!this.#isWanted(container)) throw ownerNotFound();
    const opening = this.#opening.get(record.number);
    if (opening !== undefined) return opening;
    const { definition } = container;
    const rules = { defaultTtl: definition.defaultTtl, uniqueKeys: uniqueKeysOf(definition) };
    const opened = this.#host
      .open(record.number, this.#origin, indexer, rules)
      .finally(() => this.#opening.delete(record.number));
    this.#opening.set(record.number, opened);
    return opened;
  }

  /**
   * Opens all partitions of a container, and lets them follow its policy as it is by then; stops quietly when
   * it is deleted meanwhile.
   */
  async openAll(container: ContainerRecord, policiesNow: () => PartitionPolicies): Promise<void> {
    for (const record of container.partitions) {
      if (!this.#isWanted(container)) return;
      const partition = await this.get(container, record, policiesNow().indexer);
      if (!this.#isWanted(container)) return;
      this.#host.setIndexer(partition, policiesNow().indexer);
      await this.#host.setDefaultTtl(partition, policiesNow().defaultTtl);
    }
  }

  async dropAll(container: ContainerRecord): Promise<void> {
    for (const { number } of container.partitions) {
      // One that fails to open is told to whoever asked for it.
      await this.#opening.get(number)?.catch(() => undefined);
      await this.#host.drop(number);
    }
  }
}

export function ownerNotFound(): DatabaseError {
  return new DatabaseError('OwnerNotFound', 'Owner resource does not exist');
}
