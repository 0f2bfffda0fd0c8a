import { etagOf } from '../merge/index.ts';
import type { Store } from '../store/index.ts';
import { writeExpiry } from './expiry.ts';
import type { Partition } from './partition.ts';
import { decodeDocument } from './record.ts';
import { documentKey, expiryBounds, expiryMarkKey, kindEnd, trailingNumber } from './store-key.ts';

const CHUNK = 500;

export interface ExpiryBuild {
  readonly partition: Partition;
  readonly store: Store;
  /** Resolves when no batch of the feeder is under way that began before the call. */
  readonly batchEnd: () => Promise<void>;
}

/** Whether the store has the partition's items by their deadlines, all of them. */
export function hasExpiryIndex(store: Store, partition: number): boolean {
  return store.get(expiryMarkKey(partition)) !== undefined;
}

/**
 * Puts the items that the store already has in order of their deadlines; those that are written meanwhile are
 * the feeder's. Resolves when all are there.
 */
export async function buildExpiryIndex({ partition, store, batchEnd }: ExpiryBuild): Promise<void> {
  const { number } = partition;
  const { from, to } = expiryBounds(number);
  await store.clear(from, to);
  partition.expiry.isIndexed = true;
  // A batch that began before may have left entries out.
  await batchEnd();
  for (let after = 0; !partition.isEnded; ) {
    const found = await readDocuments(store, number, after);
    const batch = store.batch();
    for (const { key, put } of found) {
      // What has changed since is the feeder's; what changes from here on it writes after this.
      const visible = partition.lookup(key)?.visible;
      const isSame = visible !== undefined && etagOf(visible) === etagOf(put) && !partition.dirty.has(key);
      if (isSame) writeExpiry(number, undefined, put, batch);
    }
    if (found.length < CHUNK) batch.set(expiryMarkKey(number), Buffer.alloc(1));
    await batch.commit();
    const last = found.at(-1);
    if (last === undefined || found.length < CHUNK) return;
    after = last.put.incarnation;
  }
}

async function readDocuments(store: Store, partition: number, after: number) {
  const snapshot = store.snapshot();
  const cursor = snapshot.scan({ from: documentKey(partition, after + 1), to: kindEnd(partition, 'd') });
  const pairs = await cursor.next(CHUNK);
  const found = pairs.map(([key, value]) => decodeDocument(value, trailingNumber(key)));
  await cursor.close();
  await snapshot.close();
  return found;
}
