import { assert } from '../base/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import { type Incarnation, isMerged, type StoredPut } from '../merge/index.ts';
import type { Store, StoreSnapshot } from '../store/index.ts';
import type { HeldItem } from './item-cache.ts';
import type { ItemKey } from './item-key.ts';
import { decodeDocument, decodeState, isSuppressedState } from './record.ts';
import { documentKey, stateKey } from './store-key.ts';

type Reader = Pick<Store | StoreSnapshot, 'get'>;

/** One item as the store has it; undefined when it has nothing of it. */
export function loadItem(store: Reader, partition: PartitionNumber, key: ItemKey): HeldItem | undefined {
  const record = store.get(stateKey(partition, key));
  if (record === undefined) return undefined;
  const state = decodeState(record);
  if (typeof state === 'number') {
    const visible = loadDocument(store, partition, state);
    return { key, state: { siblings: [visible], dead: [] }, visible, lsn: 0 };
  }
  if (isSuppressedState(record)) return { key, state, visible: undefined, lsn: 0 };
  const [best, ...losers] = state.siblings;
  if (best === undefined) return { key, state, visible: undefined, lsn: 0 };
  const visible = loadDocument(store, partition, best.incarnation);
  if (isMerged(state)) return { key, state, visible, lsn: 0 };
  return { key, state: { ...state, siblings: [visible, ...losers] }, visible, lsn: 0 };
}

function loadDocument(store: Reader, partition: PartitionNumber, number: Incarnation): StoredPut {
  const document = store.get(documentKey(partition, number));
  assert(document !== undefined, 'an item and its document are written in one batch');
  return decodeDocument(document, number).put;
}
