import type { WeightedCache } from '../base/index.ts';
import {
  type Indexer,
  NO_TERMS,
  type PackedTerms,
  type PostingGatherer,
  type TermText,
  unpackTerms,
} from '../index/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import {
  etagOf,
  hasConflictBook,
  type Incarnation,
  isCollectible,
  isSettled,
  type StoredPut,
} from '../merge/index.ts';
import type { StoreBatch } from '../store/index.ts';
import { termsOf } from './dirty-item.ts';
import { writeExpiry } from './expiry.ts';
import { ALL_TERM, keyTerm, unindexedTerm } from './index-runs.ts';
import { type HeldItem, isSuppressed } from './item-cache.ts';
import { epkOf } from './item-key.ts';
import { encodeDocument, encodeState } from './record.ts';
import { documentKey, stateKey, unsettledKey } from './store-key.ts';

const NOTHING = Buffer.alloc(0);

/** An item on its way into the store: what the store holds of it, and what it should hold. */
export interface ItemChange {
  readonly before: HeldItem | undefined;
  readonly after: HeldItem;
  /** Index terms of `after`. */
  readonly terms: (indexer: Indexer) => PackedTerms;
}

/** How items become index terms. */
export interface Indexing {
  /** By which an item with this number has its terms. */
  readonly indexerOf: (number: Incarnation) => Indexer;
  /**
   * Terms of writes that were fed not long ago, by the writes' names: what is replaced often is parsed once
   * for each version, not twice.
   */
  readonly recent: WeightedCache<string, PackedTerms>;
  /** Whether items are put in the order of their deadlines. */
  readonly keepsExpiry: boolean;
  /** Where postings go. */
  readonly postings: PostingGatherer;
}

/** Appends the store writes that bring the views of one item from `before` to `after`. */
export function writeViews(
  partition: PartitionNumber,
  change: ItemChange,
  indexing: Indexing,
  batch: StoreBatch,
): void {
  const { before, after } = change;
  writeState(partition, before, after, batch);
  const old = before?.visible;
  const now = after.visible;
  if (old === now) return;
  if (indexing.keepsExpiry) writeExpiry(partition, old, now, batch);
  const { postings } = indexing;
  const moved = old !== undefined && now !== undefined && old.incarnation !== now.incarnation;
  const changesSides = moved || isIndexed(old) !== isIndexed(now);
  if (old !== undefined && (now === undefined || moved)) {
    batch.set(documentKey(partition, old.incarnation), undefined);
  }
  if (old !== undefined && (now === undefined || changesSides)) {
    for (const term of standingTerms(old, after.key)) postings.remove(term, old.incarnation);
  }
  if (now !== undefined) {
    batch.set(documentKey(partition, now.incarnation), encodeDocument(after.key, now));
    if (old === undefined || changesSides) {
      for (const term of standingTerms(now, after.key)) postings.add(term, now.incarnation);
    }
  }
  writePostings(partition, change, indexing);
}

function isIndexed(put: StoredPut | undefined): boolean {
  return put?.isUnindexed !== true;
}

/** Terms that do not depend on what the item says. */
function standingTerms(put: StoredPut, key: HeldItem['key']): readonly TermText[] {
  const epk = epkOf(key);
  return isIndexed(put) ? [keyTerm(epk), ALL_TERM] : [unindexedTerm(epk)];
}

function writeState(
  partition: PartitionNumber,
  before: HeldItem | undefined,
  after: HeldItem,
  batch: StoreBatch,
): void {
  const wasUnsettled = before !== undefined && isUnsettled(before);
  const nowUnsettled = isUnsettled(after);
  const isSame =
    before !== undefined &&
    isSettled(before.state) &&
    isSettled(after.state) &&
    before.visible !== undefined &&
    before.visible.incarnation === after.visible?.incarnation;
  // A replaced item keeps its number, which is all that a settled record says.
  if (!isSame) {
    const value = isGone(after) ? undefined : encodeState(after);
    batch.set(stateKey(partition, after.key), value);
  }
  if (wasUnsettled !== nowUnsettled) {
    batch.set(unsettledKey(partition, after.key), nowUnsettled ? NOTHING : undefined);
  }
}

function writePostings(
  partition: PartitionNumber,
  change: ItemChange,
  { indexerOf, recent, postings }: Indexing,
): void {
  const old = change.before?.visible;
  const now = change.after.visible;
  const known = old && recent.get(nameOf(partition, old));
  let gone = unpackTerms(known ?? (old === undefined ? NO_TERMS : termsOf(old, indexerOf(old.incarnation))));
  const packed = now === undefined ? NO_TERMS : change.terms(indexerOf(now.incarnation));
  let fresh = unpackTerms(packed);
  if (old !== undefined) {
    recent.delete(nameOf(partition, old));
    // Most items are written once: only one that was replaced is likely to be replaced again.
    if (now !== undefined) recent.set(nameOf(partition, now), packed, 1);
  }
  if (old !== undefined && now !== undefined && old.incarnation === now.incarnation) {
    [gone, fresh] = differingTerms(gone, fresh);
  }
  if (old !== undefined) {
    for (const term of gone) postings.remove(term, old.incarnation);
  }
  if (now !== undefined) {
    for (const term of fresh) postings.add(term, now.incarnation);
  }
}

/**
 * A dot names one write of a partition set for ever, an etag also what several make together; the items that
 * one transaction wrote share both, and have numbers of their own.
 */
function nameOf(partition: PartitionNumber, put: StoredPut): string {
  const { dot, incarnation, patch } = put;
  const version = patch?.merged === undefined ? `${dot.origin}:${dot.n}` : etagOf(put);
  return `${partition}:${incarnation}:${version}`;
}

/**
 * The terms that only one of two versions of an item has. Most properties of a replaced item stay as they
 * were, and then their terms stand at the same places; only what is left after pairing those off is looked
 * up.
 */
export function differingTerms(
  old: readonly TermText[],
  now: readonly TermText[],
): [gone: TermText[], fresh: TermText[]] {
  const oldLeft: TermText[] = [];
  const nowLeft: TermText[] = [];
  const longer = Math.max(old.length, now.length);
  for (let place = 0; place < longer; place++) {
    const a = old[place];
    const b = now[place];
    if (a === b) continue;
    if (a !== undefined) oldLeft.push(a);
    if (b !== undefined) nowLeft.push(b);
  }
  if (oldLeft.length === 0 || nowLeft.length === 0) return [oldLeft, nowLeft];
  const inOld = new Set(oldLeft);
  const inNow = new Set(nowLeft);
  return [oldLeft.filter((term) => !inNow.has(term)), nowLeft.filter((term) => !inOld.has(term))];
}

/** Whether nothing at all is known of the item any more. */
export function isGone({ state }: HeldItem): boolean {
  return state.siblings.length === 0 && state.dead.length === 0 && !hasConflictBook(state);
}

/** Whether collection has something to wait for. */
export function isUnsettled(item: HeldItem): boolean {
  return isCollectible(item.state) || isSuppressed(item);
}
