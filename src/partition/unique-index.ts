/**
 * Who has which unique value in one partition, of a container with unique keys; others have none of this.
 *
 * Every item that would be visible if it were alone claims its values, those that lost them included: whoever
 * took a value from it may lose to somebody else later. Which of the claimants are shown is merge's verdict
 * (see unique-claims.ts); here the claims that bear on a change are found, without a scan. Like items, claims
 * are in memory until the store has them.
 */
import { ByteReader, ByteWriter, type JsonObject } from '../base/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import { type Claim, losingClaims, type StoredPut } from '../merge/index.ts';
import { type UniqueKeys, uniqueTexts } from '../resource/index.ts';
import type { Store, StoreBatch } from '../store/index.ts';
import { parseBody } from './dirty-item.ts';
import { epkOf, type ItemKey } from './item-key.ts';
import { claimsKey } from './store-key.ts';

/** Effective partition key, number of the unique key, values: names a place that one item may have. */
export type UniqueValue = string;

/** Those who claim a value, by the value: what the store does not have yet. Empty: nobody does any more. */
export type ClaimChanges = ReadonlyMap<UniqueValue, readonly ItemKey[]>;

const NOBODY: readonly ItemKey[] = [];

export class UniqueIndex {
  readonly #keys: UniqueKeys;
  readonly #store: Pick<Store, 'get'>;
  readonly #partition: PartitionNumber;
  readonly #changes = new Map<UniqueValue, readonly ItemKey[]>();
  /** Bodies are never changed in place, and most are asked for again. */
  readonly #known = new WeakMap<Uint8Array, readonly UniqueValue[]>();
  /** Values whose claimants have changed since the last verdict. */
  #unjudged = new Set<UniqueValue>();

  constructor(keys: UniqueKeys, store: Pick<Store, 'get'>, partition: PartitionNumber) {
    this.#keys = keys;
    this.#store = store;
    this.#partition = partition;
  }

  /** The values of an item. `parsed`: its body as parsed, if that is at hand. */
  valuesOf(key: ItemKey, body: Uint8Array, parsed?: JsonObject): readonly UniqueValue[] {
    let values = this.#known.get(body);
    if (values === undefined) {
      const epk = epkOf(key);
      values = uniqueTexts(this.#keys, parsed ?? parseBody(body)).map((text) => `${epk}/${text}`);
      this.#known.set(body, values);
    }
    return values;
  }

  /** All items that have a value, those that lost it too. */
  claimants(value: UniqueValue): readonly ItemKey[] {
    const changed = this.#changes.get(value);
    if (changed !== undefined) return changed;
    const stored = this.#store.get(claimsKey(this.#partition, value));
    return stored === undefined ? NOBODY : decodeClaimants(stored);
  }

  /** The item was `before` and is `after`, in itself: undefined for nothing. */
  note(key: ItemKey, before: StoredPut | undefined, after: StoredPut | undefined): void {
    const old = before === undefined ? NOBODY : this.valuesOf(key, before.body);
    const now = after === undefined ? NOBODY : this.valuesOf(key, after.body);
    for (const value of old) {
      this.#unjudged.add(value);
      if (now.includes(value)) continue;
      this.#changes.set(
        value,
        this.claimants(value).filter((other) => other !== key),
      );
    }
    for (const value of now) {
      this.#unjudged.add(value);
      if (!old.includes(value)) this.#changes.set(value, [...this.claimants(value), key].sort());
    }
  }

  /**
   * Every item that what was noted since the last call may have bearing on, and whether it has to give way.
   * `candidateOf`: what an item would show if it were alone.
   */
  judge(candidateOf: (key: ItemKey) => StoredPut | undefined): readonly [key: ItemKey, isLosing: boolean][] {
    const claims = new Map<ItemKey, Claim>();
    // Grows while it is gone through: who shares a value with a claimant may depend on it.
    for (const value of this.#unjudged) {
      for (const key of this.claimants(value)) {
        if (claims.has(key)) continue;
        const put = candidateOf(key);
        if (put === undefined) continue;
        const values = this.valuesOf(key, put.body);
        claims.set(key, { key, put, values });
        for (const other of values) this.#unjudged.add(other);
      }
    }
    this.#unjudged = new Set();
    const losing = losingClaims([...claims.values()]);
    return [...claims.keys()].map((key) => [key, losing.has(key)]);
  }

  /** What the store lacks, as of now. */
  takeChanges(): ClaimChanges {
    return new Map(this.#changes);
  }

  /** The store has these. */
  fed(changes: ClaimChanges): void {
    for (const [value, keys] of changes) if (this.#changes.get(value) === keys) this.#changes.delete(value);
  }
}

/** Appends the store writes that make these the claimants. */
export function writeClaims(partition: PartitionNumber, changes: ClaimChanges, batch: StoreBatch): void {
  for (const [value, keys] of changes) {
    batch.set(claimsKey(partition, value), keys.length === 0 ? undefined : encodeClaimants(keys));
  }
}

function encodeClaimants(keys: readonly ItemKey[]): Buffer {
  const writer = new ByteWriter(64).uint(keys.length);
  for (const key of keys) writer.string(key);
  return writer.finish();
}

function decodeClaimants(bytes: Buffer): ItemKey[] {
  const reader = new ByteReader(bytes);
  const keys: ItemKey[] = [];
  for (let left = reader.uint(); left > 0; left--) keys.push(reader.string());
  return keys;
}
