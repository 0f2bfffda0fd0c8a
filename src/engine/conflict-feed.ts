/**
 * Concurrent writes that lost, in containers whose conflicts are for somebody to decide: a view of the items'
 * merge state, the same in every region that has the same writes. Deleting an entry is a replicated write.
 */
import type { Directory } from '../account/index.ts';
import type { JsonObject } from '../base/index.ts';
import { unixMs } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { epkOf, type OpenConflict, openConflicts, type Partition } from '../partition/index.ts';
import { childRid, childSelfLink, documentRid, formatEtag } from '../resource/index.ts';
import { type ContainerHandle, partitionFor } from './container-handle.ts';
import type { Containers } from './containers.ts';
import type { ContainerPath } from './engine.ts';
import type { ItemOperations } from './item-operations.ts';

/** Conflicts as complete resources; `id` may be an entry's id or its rid. */
export interface Conflicts {
  /** In the order in which the losing writes were made. */
  list(path: ContainerPath): Promise<JsonObject[]>;
  /** @throws DatabaseError `NotFound` */
  read(path: ContainerPath, id: string): Promise<JsonObject>;
  /** Ends the conflict in every region. @throws DatabaseError `NotFound` */
  delete(path: ContainerPath, id: string): Promise<void>;
}

interface Entry extends OpenConflict {
  readonly partition: Partition;
}

/** Rids of conflicts hold their write's number and origin: below 2^53 for 2^43 writes of a region. */
const ORIGINS = 1024;
/** Each partition numbers its own writes: seven bits of the rid tell most partitions of a container apart. */
const PARTITIONS = 128;

export function createConflictFeed(options: {
  readonly directory: Directory;
  readonly containers: Containers;
  readonly items: ItemOperations;
}): Conflicts {
  const { containers, items } = options;

  const entriesOf = async (handle: ContainerHandle): Promise<Entry[]> => {
    const entries: Entry[] = [];
    if (handle.keepsConflicts !== true) return entries;
    for (const record of handle.record.partitions) {
      const partition = await containers.partition(handle, record);
      containers.requireOpen(record, partition);
      const { conflicts, basedOn } = openConflicts(partition);
      await partition.settled(basedOn);
      for (const conflict of conflicts) {
        // What the merge procedure has yet to decide is for nobody else.
        const isShown = handle.mergeProcedure === undefined || conflict.loser.isReferred === true;
        if (isShown) entries.push({ ...conflict, partition });
      }
    }
    return entries.sort((a, b) => a.loser.time - b.loser.time || (idOf(a) < idOf(b) ? -1 : 1));
  };

  const find = async (handle: ContainerHandle, id: string): Promise<Entry> => {
    const entries = await entriesOf(handle);
    const found = entries.find((entry) => idOf(entry) === id || ridOf(handle, entry) === id);
    if (found !== undefined) return found;
    throw new DatabaseError('NotFound', 'Entity with the specified id does not exist in the system.');
  };

  return {
    async list(path) {
      const handle = containers.owner(path);
      return (await entriesOf(handle)).map((entry) => resourceOf(handle, entry));
    },
    async read(path, id) {
      const handle = containers.owner(path);
      return resourceOf(handle, await find(handle, id));
    },
    async delete(path, id) {
      const handle = containers.owner(path);
      const { key } = await find(handle, id);
      const epk = epkOf(key);
      const record = partitionFor(handle, epk);
      const { partition } = await items.openForWrite(handle, record, key, {});
      // Whoever deletes at the same time may have come first.
      const { loser } = await find(handle, id);
      const transaction = partition.begin(epk);
      transaction.settle(key, [loser.dot]);
      await transaction.commit();
    },
  };
}

/**
 * The same in every region, and for ever: where the item is, which write, and which item of those that one
 * transaction wrote.
 */
function idOf({ key, loser }: OpenConflict): string {
  return `${epkOf(key)}-${loser.dot.origin}-${loser.dot.n}-${loser.incarnation}`;
}

function ridOf(handle: ContainerHandle, { partition, loser: { dot } }: Entry): string {
  const number = dot.n * ORIGINS + dot.origin;
  return childRid('conflict', handle.record.rid, number, partition.number % PARTITIONS);
}

function resourceOf(handle: ContainerHandle, entry: Entry): JsonObject {
  const { dot, time, incarnation, isCreate, body } = entry.loser;
  const rid = ridOf(handle, entry);
  return {
    id: idOf(entry),
    _rid: rid,
    _self: childSelfLink('conflict', handle.selfLink, rid),
    _etag: formatEtag({ origin: dot.origin, n: dot.n, time }),
    _ts: Math.floor(unixMs(time) / 1000),
    operationType: isCreate ? 'create' : 'replace',
    resourceType: 'document',
    resourceId: documentRid(handle.record.rid, incarnation, entry.partition.number),
    content: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'),
    conflict_lsn: dot.n,
  };
}
