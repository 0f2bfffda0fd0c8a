/**
 * A change of a container's indexing policy changes which terms items have. The index is converted in place,
 * item by item in the order of their numbers, a part with each batch of the feeder: the terms that an item
 * loses are taken away, those that it gains are added. Up to where that has come is written in the same
 * batch, so at every moment it is known by which rules any stored item has its terms.
 *
 * Meanwhile queries use the paths that old and new rules treat alike: those are complete all the time.
 */
import {
  type Coverage,
  compileIndexRules,
  type Indexer,
  type PathSegment,
  type PostingGatherer,
} from '../index/index.ts';
import type { Store } from '../store/index.ts';
import { parseBody } from './dirty-item.ts';
import type { IndexRules, Manifest } from './index-runs.ts';
import type { Partition } from './partition.ts';
import { decodeDocument } from './record.ts';
import { documentKey, kindEnd, trailingNumber } from './store-key.ts';
import { differingTerms } from './view-writes.ts';

/** Items converted with one batch. */
const ITEMS_PER_BATCH = 1_024;
/** Fewer of those that have very many terms. */
const POSTINGS_PER_BATCH = 32_768;
/** Items read at once, and dealt with before the event loop gets its turn. */
const SLICE_ITEMS = 64;

/** Whether the index is not, or not wholly, what the partition's indexer says. */
export function needsConversion({ index, indexer }: Partition): boolean {
  const { rules } = index.committed;
  return rules !== undefined && (rules.conversion !== undefined || rules.rules !== indexer.rules);
}

/** How much of the index is as the policy wants it, in percent; 100 when it is all. */
export function conversionPercent(partition: Partition): number {
  if (!needsConversion(partition)) return 100;
  const { conversion } = partition.index.committed.rules ?? {};
  if (conversion?.rules !== partition.indexer.rules) return 0;
  return Math.min(99, Math.floor((100 * conversion.items) / Math.max(1, partition.applied.itemCount)));
}

/** Indexers by their rules; the partition's own where that is one. */
export function indexerOf(rules: string, own: Indexer): Indexer {
  return rules === own.rules ? own : compileIndexRules(rules);
}

/**
 * Goes on with the conversion, if there is one or should be to follow `indexer`, and gives the rules that
 * hold once `postings` are in the store. To be called by whoever alone writes to the store, before other
 * changes of a batch.
 */
export async function convertSome(
  { number, index }: Pick<Partition, 'number' | 'index'>,
  indexer: Indexer,
  store: Store,
  postings: PostingGatherer,
  turn: () => Promise<void>,
): Promise<IndexRules> {
  const { rules } = index.committed;
  if (rules === undefined || (rules.conversion === undefined && rules.rules === indexer.rules)) {
    return { rules: indexer.rules };
  }
  const conversion = rules.conversion ?? { rules: indexer.rules, upTo: -1, items: 0 };
  const from = indexerOf(rules.rules, indexer);
  const to = indexerOf(conversion.rules, indexer);
  let { upTo, items } = conversion;
  const snapshot = store.snapshot();
  const cursor = snapshot.scan({ from: documentKey(number, upTo + 1), to: kindEnd(number, 'd') });
  try {
    for (let read = 0; read < ITEMS_PER_BATCH && postings.size < POSTINGS_PER_BATCH; read += SLICE_ITEMS) {
      const pairs = await cursor.next(SLICE_ITEMS);
      for (const [key, value] of pairs) {
        upTo = trailingNumber(key);
        const { put } = decodeDocument(value, upTo);
        if (put.isUnindexed === true) continue;
        const item = parseBody(put.body);
        const [gone, fresh] = differingTerms(from.terms(item), to.terms(item));
        for (const term of gone) postings.remove(term, upTo);
        for (const term of fresh) postings.add(term, upTo);
      }
      items += pairs.length;
      // Whatever else is in memory is not in the store yet, and will come by the new rules.
      if (pairs.length < SLICE_ITEMS) return { rules: conversion.rules };
      await turn();
    }
  } finally {
    await cursor.close();
    await snapshot.close();
  }
  return { rules: rules.rules, conversion: { rules: conversion.rules, upTo, items } };
}

/** By which rules the item with a number has its terms in the store. */
export function indexersByNumber(
  { rules, conversion }: IndexRules,
  own: Indexer,
): (number: number) => Indexer {
  const indexer = indexerOf(rules, own);
  if (conversion === undefined) return () => indexer;
  const next = indexerOf(conversion.rules, own);
  return (number) => (number <= conversion.upTo ? next : indexer);
}

/** What queries may rely on: what all rules that the store or memory may follow have in common. */
export function commonCoverage(
  manifests: readonly Manifest[],
  own: Indexer,
): Pick<Indexer, 'coverage' | 'composites'> {
  const others = new Set<string>();
  for (const { rules } of manifests) {
    if (rules === undefined) continue;
    others.add(rules.rules);
    if (rules.conversion !== undefined) others.add(rules.conversion.rules);
  }
  others.delete(own.rules);
  if (others.size === 0) return own;
  const rest = [...others].map((rules) => indexerOf(rules, own));
  const indexers = [own, ...rest];
  return {
    composites: own.composites.map((composite) => {
      const isThere = rest.every(({ composites }) => composites.some(({ id }) => id.equals(composite.id)));
      return isThere ? composite : { ...composite, isComing: true };
    }),
    coverage(segments: readonly PathSegment[]): Coverage {
      const [first, ...rest] = indexers.map((indexer) => indexer.coverage(segments));
      const isAlike = rest.every(
        (each) => each.indexed === first?.indexed && each.explicit === first.explicit,
      );
      if (isAlike && first !== undefined) return first;
      return { indexed: false, explicit: first?.explicit === true, isComing: first?.indexed === true };
    },
  };
}
