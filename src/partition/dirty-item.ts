import type { Json, JsonObject } from '../base/index.ts';
import { type Indexer, NO_TERMS, type PackedTerms } from '../index/index.ts';
import type { StoredPut } from '../merge/index.ts';
import type { HeldItem } from './item-cache.ts';
import type { ItemKey } from './item-key.ts';

/** An item that the store does not hold in its newest state. */
export interface DirtyItem {
  item: HeldItem;
  /** What the store holds; undefined for nothing. */
  stored: HeldItem | undefined;
  /** What is being written to the store: it may be there already, or not yet. */
  feeding: HeldItem | undefined;
  /** Index terms of what is visible, once they were worked out: see `termsOfDirty`. */
  terms: PackedTerms | undefined;
}

/** The items of one partition that memory knows better than the store. */
export class DirtyItems {
  readonly #items = new Map<ItemKey, DirtyItem>();

  get all(): ReadonlyMap<ItemKey, DirtyItem> {
    return this.#items;
  }

  get(key: ItemKey): DirtyItem | undefined {
    return this.#items.get(key);
  }

  /**
   * `after` takes the place of `before`. True when it did not wait for the store already; one that is being
   * fed is on its way, and now will have to be fed once more. `terms`: those of `after`, if they are known.
   */
  replace(before: HeldItem | undefined, after: HeldItem, terms: PackedTerms | undefined): boolean {
    const dirty = this.#items.get(after.key);
    if (dirty === undefined) {
      this.#items.set(after.key, { item: after, stored: before, feeding: undefined, terms });
      return true;
    }
    const isNew = dirty.feeding === dirty.item;
    dirty.item = after;
    dirty.terms = terms;
    return isNew;
  }

  /** The store now holds `item`. True when that is its newest state, so that it is dirty no more. */
  fed(item: HeldItem): boolean {
    const dirty = this.#items.get(item.key);
    if (dirty === undefined) return false;
    if (dirty.item === item) return this.#items.delete(item.key);
    dirty.stored = item;
    dirty.feeding = undefined;
    return false;
  }

  /** Terms are worked out anew: by other rules. */
  forgetTerms(): void {
    for (const dirty of this.#items.values()) dirty.terms = undefined;
  }
}

/**
 * Index terms of what is visible of a dirty item, by its partition's indexer. Of one that is written again
 * and again only the last version is ever indexed.
 */
export function termsOfDirty(dirty: DirtyItem, indexer: Indexer): PackedTerms {
  dirty.terms ??= termsOf(dirty.item.visible, indexer);
  return dirty.terms;
}

export function termsOf(put: StoredPut | undefined, indexer: Indexer): PackedTerms {
  if (put === undefined || put.isUnindexed === true) return NO_TERMS;
  return indexer.packedTerms(parseBody(put.body));
}

/** Bodies were checked to be JSON objects before they entered any log. */
export function parseBody(body: Uint8Array): JsonObject {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  return JSON.parse(text) as Json as JsonObject;
}
