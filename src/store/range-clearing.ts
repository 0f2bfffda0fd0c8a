import type { Store } from './store.ts';

const CHUNK_KEYS = 1000;

/** `Store.clear` by means of the other operations, in chunks that do not hold up other writers for long. */
export async function clearRange(store: Store, from: Uint8Array, to: Uint8Array): Promise<void> {
  // Takes its turn behind the writes called before, so that the snapshot shows them.
  await store.write([]);
  const snapshot = store.snapshot();
  const cursor = snapshot.scan({ from, to });
  try {
    let pairs = await cursor.next(CHUNK_KEYS);
    while (pairs.length > 0) {
      await store.write(pairs.map(([key]) => ({ key, value: undefined })));
      pairs = await cursor.next(CHUNK_KEYS);
    }
  } finally {
    await cursor.close();
    await snapshot.close();
  }
}
