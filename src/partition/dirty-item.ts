import type { Json, JsonObject } from '../base/index.ts';
import type { Indexer, TermText } from '../index/index.ts';
import type { HeldItem } from './item-cache.ts';

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
