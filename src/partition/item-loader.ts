import { assert, ByteReader } from '../base/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import { decodeItemState, type ItemState } from '../merge/index.ts';
import type { Store, StoreSnapshot } from '../store/index.ts';
import type { HeldItem } from './item-cache.ts';
import type { ItemKey } from './item-key.ts';
import { decodeDocument } from './record.ts';
import { documentKey, stateKey } from './store-key.ts';

const ELSEWHERE = Buffer.alloc(0);

/** One item as the store has it; undefined when it has nothing of it. */
export function loadItem(
  store: Pick<Store | StoreSnapshot, 'get'>,
  partition: PartitionNumber,
  key: ItemKey,
): HeldItem | undefined {
  const record = store.get(stateKey(partition, key));
  if (record === undefined) return undefined;
  const bare = decodeState(record);
  const best = bare.siblings[0];
  if (best === undefined) return { key, state: bare, visible: undefined, lsn: 0 };
  const document = store.get(documentKey(partition, best.incarnation));
  assert(document !== undefined, 'an item and its document are written in one batch');
  const visible = { ...best, body: decodeDocument(document).text };
  return { key, state: { siblings: [visible, ...bare.siblings.slice(1)], dead: bare.dead }, visible, lsn: 0 };
}

/** The state, with an empty body where the visible one belongs. */
function decodeState(record: Buffer): ItemState {
  const hasVisible = (record[0] ?? 0) & 2;
  return decodeItemState(new ByteReader(record), hasVisible === 0 ? undefined : ELSEWHERE);
}
