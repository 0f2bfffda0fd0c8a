import type { ContainerRecord, DatabaseRecord, Directory, PartitionRecord } from '../account/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { Partition } from '../partition/index.ts';
import { type ContainerHandle, prepareContainer } from './container-handle.ts';
import type { ContainerPath } from './engine.ts';
import { ownerNotFound, type PartitionPolicies, type RegionPartitions } from './region-partitions.ts';

/** From the paths that callers name to prepared containers and their partitions. */
export class Containers {
  readonly #directory: Directory;
  readonly #partitions: RegionPartitions;
  /** By container rid; replaced when the record changes. */
  readonly #handles = new Map<string, ContainerHandle>();

  constructor(directory: Directory, partitions: RegionPartitions) {
    this.#directory = directory;
    this.#partitions = partitions;
  }

  /** @throws DatabaseError `NotFound` */
  database(reference: string): DatabaseRecord {
    const database = this.#directory.findDatabase(reference);
    if (database === undefined) {
      throw new DatabaseError('NotFound', 'Owner resource does not exist');
    }
    return database;
  }

  /**
   * @throws DatabaseError `OwnerNotFound` when database or container is missing: for requests on what is
   * inside.
   */
  owner(path: ContainerPath): ContainerHandle {
    const record = this.#directory.findContainer(path.database, path.container);
    if (record === undefined) throw ownerNotFound();
    return this.handle(record);
  }

  /** @throws DatabaseError `NotFound`: for requests on the container itself. */
  container(path: ContainerPath): ContainerRecord {
    this.database(path.database);
    const record = this.#directory.findContainer(path.database, path.container);
    if (record === undefined) {
      throw new DatabaseError('NotFound', 'Entity with the specified id does not exist in the system.');
    }
    return record;
  }

  handle(record: ContainerRecord): ContainerHandle {
    const known = this.#handles.get(record.rid);
    if (known?.record === record) return known;
    const handle = prepareContainer(this.database(record.databaseRid), record);
    this.#handles.set(record.rid, handle);
    return handle;
  }

  /** The container's policies as they are now. */
  policiesNow(record: ContainerRecord): PartitionPolicies {
    const now = this.#directory.state.containers[record.rid] ?? record;
    return { indexer: this.handle(now).indexer, defaultTtl: now.definition.defaultTtl };
  }

  forget(record: ContainerRecord): void {
    this.#handles.delete(record.rid);
  }

  /** @throws DatabaseError `OwnerNotFound` when the container is gone. */
  partition(handle: ContainerHandle, record: PartitionRecord): Partition | Promise<Partition> {
    return this.#partitions.get(handle.record, record, handle.indexer);
  }

  /** To be asked again after every wait: @throws DatabaseError `OwnerNotFound` when the container is gone. */
  requireOpen(record: PartitionRecord, partition: Partition): void {
    this.#partitions.requireOpen(record, partition);
  }
}
