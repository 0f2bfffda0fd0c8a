import { assert } from '../base/index.ts';
import type { VersionVector } from '../causality/index.ts';
import { decodeEntry, type Entry, peekEntry } from './entry.ts';

/**
 * Those entries that are new to a region which has `applied`, decoded, in order. Everything is read and
 * checked before anything is applied: a damaged entry must not leave half a batch behind.
 */
export function deliverable(
  applied: VersionVector,
  entries: readonly Uint8Array[],
): (Entry & { readonly bytes: Uint8Array })[] {
  const seen = applied.clone();
  const fresh: (Entry & { readonly bytes: Uint8Array })[] = [];
  for (const bytes of entries) {
    const { dot, context } = peekEntry(bytes);
    if (seen.covers(dot)) continue;
    assert(dot.n === seen.get(dot.origin) + 1, 'entries of one origin arrive in order');
    assert(seen.coversAll(context), 'causal delivery: what an entry saw is here before it');
    fresh.push({ ...decodeEntry(bytes), bytes });
    seen.advance(dot.origin, dot.n);
  }
  return fresh;
}
