import { assert } from '../base/index.ts';
import { type Dot, sameDot } from '../causality/index.ts';
import type { StoredPut } from '../merge/index.ts';
import type { ExpiryRule } from './expiry.ts';
import { candidateOf, type HeldItem, isSuppressed } from './item-cache.ts';
import type { ItemKey } from './item-key.ts';
import type { ItemDraft } from './transaction.ts';
import type { UniqueIndex } from './unique-index.ts';

interface Items {
  lookup(key: ItemKey): HeldItem | undefined;
  readonly expiry: Pick<ExpiryRule, 'defaultTtl'>;
}

/**
 * The items that a write of this region ends beside those that it is about, in a container with unique keys.
 *
 * Whoever takes away what suppresses an item, or takes its values, has seen the verdict and acts on it: the
 * item may not come back. So it ends in the same entry, and comes back only where it was suppressed by
 * something that somebody took away who had never seen it. Expired items that hold a value that is wanted end
 * too, with what they suppress.
 */
export function casualtiesOf(drafts: readonly ItemDraft[], index: UniqueIndex, items: Items): ItemKey[] {
  const written = new Set<ItemKey>();
  for (const { key, put, endsOld } of drafts) if (put !== undefined || endsOld) written.add(key);
  const ended = new Set<ItemKey>();
  for (const { key, put, verdict } of drafts) {
    const item = items.lookup(key);
    if (!written.has(key)) {
      // Who settles a suppressed write says that it is not to come back.
      if (verdict?.kind === 'settle' && item !== undefined && isSuppressed(item)) {
        const settled = ({ dot }: StoredPut) => verdict.conflicts.some((one) => sameDot(one, dot));
        if (item.state.siblings.some(settled)) ended.add(key);
      }
      continue;
    }
    endSuppressedBy([key], index, items, ended);
    if (put === undefined) continue;
    for (const value of index.valuesOf(key, put.body)) {
      for (const other of index.claimants(value)) {
        if (written.has(other)) continue;
        const holder = items.lookup(other);
        // Whether it has expired was asked when the write was decided: clocks may have been set back since.
        const isFree = holder?.visible === undefined || items.expiry.defaultTtl !== undefined;
        assert(isFree, 'a write that takes a value from an item that is shown was refused');
        ended.add(other);
        endSuppressedBy([other], index, items, ended);
      }
    }
  }
  for (const key of written) ended.delete(key);
  return [...ended];
}

/** Adds to `ended` what shares a value with one of these items, and so gave way to it. */
export function endSuppressedBy(
  keys: readonly ItemKey[],
  index: UniqueIndex,
  items: Pick<Items, 'lookup'>,
  ended: Set<ItemKey>,
): void {
  for (const key of keys) {
    const visible = items.lookup(key)?.visible;
    if (visible === undefined) continue;
    for (const value of index.valuesOf(key, visible.body)) {
      for (const other of index.claimants(value)) {
        const item = items.lookup(other);
        if (item !== undefined && isSuppressed(item)) ended.add(other);
      }
    }
  }
}

/**
 * Whether an item has lost its unique values for ever: no region can lack a write of it, or of those that
 * share a value with it. One that is kept for somebody to decide stays until somebody does.
 */
export function isLostForGood(
  key: ItemKey,
  index: UniqueIndex,
  items: Pick<Items, 'lookup'>,
  isStable: (dot: Dot) => boolean,
): boolean {
  const item = items.lookup(key);
  const candidate = candidateOf(item);
  if (item === undefined || candidate === undefined || !isSuppressed(item)) return false;
  if (item.state.siblings.some(({ keeps }) => keeps === true)) return false;
  return index
    .valuesOf(key, candidate.body)
    .flatMap((value) => index.claimants(value))
    .every((other) => items.lookup(other)?.state.siblings.every(({ dot }) => isStable(dot)) !== false);
}
