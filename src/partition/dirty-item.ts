import type { Json, JsonObject } from '../base/index.ts';
import type { Indexer, TermText } from '../index/index.ts';
import type { HeldItem } from './item-cache.ts';
import type { ItemKey } from './item-key.ts';

/** An item that the store does not hold in its newest state. */
export interface DirtyItem {
  item: HeldItem;
  /** What the store holds; undefined for nothing. */
  stored: HeldItem | undefined;
  /** What is being written to the store: it may be there already, or not yet. */
  feeding: HeldItem | undefined;
  /** The visible item parsed, when whoever wrote it had it at hand. */
  parsed: JsonObject | undefined;
  /** Its index terms, once somebody asked for them: see `termsOfDirty`. */
  terms: readonly TermText[] | undefined;
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
   * fed is on its way, and now will have to be fed once more.
   */
  replace(before: HeldItem | undefined, after: HeldItem, parsed: JsonObject | undefined): boolean {
    const dirty = this.#items.get(after.key);
    if (dirty === undefined) {
      const fresh = { item: after, stored: before, feeding: undefined, parsed, terms: undefined };
      this.#items.set(after.key, fresh);
      return true;
    }
    const isNew = dirty.feeding === dirty.item;
    dirty.item = after;
    dirty.parsed = parsed;
    dirty.terms = undefined;
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
 * Index terms of what is visible of a dirty item. Worked out late: of an item that is written again and again
 * only the last version is ever indexed.
 */
export function termsOfDirty(dirty: DirtyItem, indexer: Indexer): readonly TermText[] {
  dirty.terms ??= freshTerms(dirty, indexer);
  return dirty.terms;
}

/** The same by an indexer that is not the partition's own. */
export function freshTerms(
  { item, parsed }: Pick<DirtyItem, 'item' | 'parsed'>,
  indexer: Indexer,
): TermText[] {
  const { visible } = item;
  if (visible === undefined || visible.isUnindexed === true) return [];
  return indexer.terms(parsed ?? parseBody(visible.body));
}

/** Bodies were checked to be JSON objects before they entered any log. */
export function parseBody(body: Uint8Array): JsonObject {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  return JSON.parse(text) as Json as JsonObject;
}
