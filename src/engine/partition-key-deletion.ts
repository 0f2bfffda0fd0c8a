import type { Directory } from '../account/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { type ItemKey, itemKey, type Partition, type PartitionHost } from '../partition/index.ts';
import { completeKey, effectivePartitionKey, partitionKeyRange } from '../resource/index.ts';
import { createCharge } from './charge.ts';
import { type ContainerHandle, partitionFor } from './container-handle.ts';
import type { Containers } from './containers.ts';
import type { AnswerHead, FeedScope } from './engine.ts';
import type { ItemOperations } from './item-operations.ts';
import { checkConsistency, checkIntendedContainer, checkWriteRole, headOf } from './request-gate.ts';

interface DeletionOptions {
  readonly region: string;
  readonly directory: Directory;
  readonly containers: Containers;
  readonly items: ItemOperations;
  readonly host: PartitionHost;
}

/** Items deleted at a time, so that their log entries share a group. */
const CHUNK = 100;

/** Deletes every item of one logical partition that this region can see when the request comes. */
export async function deletePartitionKey(options: DeletionOptions, scope: FeedScope): Promise<AnswerHead> {
  const { directory, containers, region, items } = options;
  const handle = containers.owner(scope.path);
  checkConsistency(directory.state, scope.consistency);
  checkIntendedContainer(handle, scope);
  checkWriteRole(directory.state, region);
  const definition = handle.record.definition.partitionKey;
  if (scope.partitionKey === undefined) {
    throw new DatabaseError('BadRequest', 'PartitionKey value must be supplied for this operation.');
  }
  const key = completeKey(definition, scope.partitionKey);
  const record = partitionFor(handle, effectivePartitionKey(definition, key));
  const partition = await containers.partition(handle, record);
  let charge = 0;
  for (const keys of chunks(await keysOf(options, handle, partition, key))) {
    await Promise.all(keys.map((itemKeyOfOne) => items.deleteByKey(handle, record, itemKeyOfOne)));
    charge += keys.length * createCharge(0);
  }
  return headOf(directory.state, handle, record, partition, Math.max(1, charge));
}

async function keysOf(
  { host }: DeletionOptions,
  handle: ContainerHandle,
  partition: Partition,
  key: Parameters<typeof partitionKeyRange>[1],
): Promise<ItemKey[]> {
  const keys: ItemKey[] = [];
  const source = await host.openSource(partition, { withUnindexed: true });
  const epkRange = partitionKeyRange(handle.record.definition.partitionKey, key);
  try {
    const cursor = source.scanNumbers({ epkRange });
    try {
      for (;;) {
        const numbers = await cursor.next(CHUNK);
        for (const item of await source.load(numbers)) {
          if (item === undefined) continue;
          const { id } = JSON.parse(item.text.toString('utf8')) as { id: string };
          keys.push(itemKey(item.epk, id));
        }
        if (numbers.length < CHUNK) return keys;
      }
    } finally {
      await cursor.close();
    }
  } finally {
    await source.close();
  }
}

function* chunks<T>(values: readonly T[]): Generator<readonly T[]> {
  for (let place = 0; place < values.length; place += CHUNK) yield values.slice(place, place + CHUNK);
}
