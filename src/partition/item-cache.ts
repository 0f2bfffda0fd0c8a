import type { Lsn } from '../log/index.ts';
import { type Incarnation, type ItemState, type StoredPut, visiblePut } from '../merge/index.ts';
import { DocumentCache, type PartitionDocuments } from './document-cache.ts';
import type { ItemKey } from './item-key.ts';
import { PackedItem, PackedItems } from './packed-item.ts';

/** An item as memory holds it. */
export interface HeldItem {
  readonly key: ItemKey;
  readonly state: ItemState;
  /** The sibling that readers see; undefined too while other items suppress it: see `isSuppressed`. */
  readonly visible: StoredPut | undefined;
  /** The entry that brought the item to this state; 0 when it was there before this process started. */
  readonly lsn: Lsn;
}

/** Whether the item would be visible if it had not lost its unique values to others: see unique-index.ts. */
export function isSuppressed({ visible, state }: Pick<HeldItem, 'visible' | 'state'>): boolean {
  return visible === undefined && state.siblings.length > 0;
}

/** What is visible of the item, or would be. */
export function candidateOf(item: HeldItem | undefined): StoredPut | undefined {
  return item === undefined ? undefined : (item.visible ?? visiblePut(item.state));
}

interface Node {
  readonly key: ItemKey;
  item: HeldItem | PackedItem;
  readonly owner: PartitionCache;
  bytes: number;
  older: Node | undefined;
  newer: Node | undefined;
}

/** What one held item costs beside its bodies: state, maps and list nodes, in bytes. */
const OVERHEAD_BYTES = 400;
/** The same of one that is packed, beside its slab. */
const PACKED_OVERHEAD_BYTES = 250;
/** What queries read is kept up to this part of what items may take, beside them. */
const DOCUMENTS_SHARE = 4;

/**
 * Recently used items of all partitions of a node, bounded in bytes together: a busy partition may use
 * what idle ones do not. Least recently used goes first.
 */
export class ItemCache {
  readonly #bytesMax: number;
  readonly #documents: DocumentCache;
  readonly #packed: PackedItems;
  #bytes = 0;
  #oldest: Node | undefined;
  #newest: Node | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#documents = new DocumentCache(bytesMax / DOCUMENTS_SHARE);
    this.#packed = new PackedItems(bytesMax);
  }

  get bytes(): number {
    return this.#bytes + this.#packed.bytes + this.#documents.bytes;
  }

  forPartition(): PartitionCache {
    return new PartitionCache(this, this.#documents.forPartition());
  }

  /** @internal */
  insert(key: ItemKey, item: HeldItem, owner: PartitionCache, mayBePacked: boolean): Node {
    const kept = (mayBePacked ? this.#packed.pack(item) : undefined) ?? unshared(item);
    const node: Node = {
      key,
      item: kept,
      owner,
      bytes: weigh(key, kept),
      older: undefined,
      newer: undefined,
    };
    this.#bytes += node.bytes;
    this.#append(node);
    return node;
  }

  /** @internal */
  evict(): void {
    while (this.#bytes + this.#packed.bytes > this.#bytesMax && this.#oldest !== undefined) {
      this.#oldest.owner.delete(this.#oldest.key);
    }
  }

  /** @internal */
  read(node: Node): HeldItem {
    const { item } = node;
    if (!(item instanceof PackedItem)) {
      this.#touch(node);
      return item;
    }
    const held = item.unpack(node.key);
    // Most are read once at the most, and then it is not worth a copy; who is read again is read often.
    if (!item.isRead) {
      item.isRead = true;
      return held;
    }
    this.#packed.release(item);
    node.item = unshared(held);
    this.#bytes -= node.bytes;
    node.bytes = weigh(node.key, node.item);
    this.#bytes += node.bytes;
    this.#touch(node);
    this.evict();
    return held;
  }

  #touch(node: Node): void {
    if (node === this.#newest) return;
    this.#unlink(node);
    this.#append(node);
  }

  /** @internal */
  remove(node: Node): void {
    if (node.item instanceof PackedItem) this.#packed.release(node.item);
    this.#bytes -= node.bytes;
    this.#unlink(node);
  }

  #append(node: Node): void {
    node.older = this.#newest;
    node.newer = undefined;
    if (this.#newest !== undefined) this.#newest.newer = node;
    this.#newest = node;
    this.#oldest ??= node;
  }

  #unlink(node: Node): void {
    if (node.older === undefined) this.#oldest = node.newer;
    else node.older.newer = node.newer;
    if (node.newer === undefined) this.#newest = node.older;
    else node.newer.older = node.older;
    // A removed node that has grown old must not keep those after it alive until it is collected itself.
    node.older = undefined;
    node.newer = undefined;
  }
}

/** One partition's share of the cache, found by item key or by item number. */
export class PartitionCache {
  /** What queries read from the store. */
  readonly documents: PartitionDocuments;
  readonly #cache: ItemCache;
  readonly #byKey = new Map<ItemKey, Node>();
  readonly #byNumber = new Map<Incarnation, Node>();

  constructor(cache: ItemCache, documents: PartitionDocuments) {
    this.#cache = cache;
    this.documents = documents;
  }

  get(key: ItemKey): HeldItem | undefined {
    const node = this.#byKey.get(key);
    return node && this.#cache.read(node);
  }

  getByNumber(number: Incarnation): HeldItem | undefined {
    const node = this.#byNumber.get(number);
    return node && this.#cache.read(node);
  }

  /** For what was just read. */
  set(item: HeldItem): void {
    this.#insert(item, false);
  }

  /** For what was just written, and may never be read. */
  pack(item: HeldItem): void {
    this.#insert(item, true);
  }

  #insert(item: HeldItem, mayBePacked: boolean): void {
    const { key, visible } = item;
    this.delete(key);
    const node = this.#cache.insert(key, item, this, mayBePacked);
    this.#byKey.set(key, node);
    if (visible !== undefined) this.#byNumber.set(visible.incarnation, node);
    this.#cache.evict();
  }

  delete(key: ItemKey): void {
    const node = this.#byKey.get(key);
    if (node === undefined) return;
    this.#byKey.delete(key);
    const { item } = node;
    const number = item instanceof PackedItem ? item.incarnation : item.visible?.incarnation;
    if (number !== undefined) this.#byNumber.delete(number);
    this.#cache.remove(node);
  }

  clear(): void {
    for (const key of [...this.#byKey.keys()]) this.delete(key);
    this.documents.clear();
  }
}

function weigh(key: ItemKey, item: HeldItem | PackedItem): number {
  if (item instanceof PackedItem) return PACKED_OVERHEAD_BYTES + key.length;
  let bytes = OVERHEAD_BYTES + key.length;
  for (const sibling of item.state.siblings) bytes += sibling.body.length;
  for (const loser of item.state.conflicts ?? []) bytes += loser.body.length;
  for (const loser of item.state.buried ?? []) bytes += loser.body.length;
  for (const put of item.state.withdrawn ?? []) bytes += put.body.length;
  // What several patches make together is none of their own bodies.
  const { visible, state } = item;
  if (visible !== undefined && visible !== state.siblings[0]) bytes += visible.body.length;
  return bytes;
}

/** A view may stand in so many bytes more than its own and stay. */
const SLACK_BYTES = 512;

/**
 * Bodies arrive as views of larger memory: a network frame, a group of the log, a slab of the buffer pool.
 * One that stays must not keep its neighbours alive, or the cache would hold several times what it counts.
 */
function unshared(item: HeldItem): HeldItem {
  const visible = item.visible;
  if (visible === undefined || item.state.siblings.length !== 1) return item;
  if (visible.body.buffer.byteLength <= visible.body.length + SLACK_BYTES) return item;
  const body = Buffer.allocUnsafeSlow(visible.body.length);
  body.set(visible.body);
  const copy = { ...visible, body };
  return { ...item, visible: copy, state: { ...item.state, siblings: [copy] } };
}
