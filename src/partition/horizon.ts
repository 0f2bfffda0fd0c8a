import { assert, ByteReader, ByteWriter } from '../base/index.ts';
import { type Origin, VersionVector } from '../causality/index.ts';
import type { Lsn, PartitionNumber } from '../log/index.ts';
import type { Store } from '../store/index.ts';
import type { Entry } from './entry.ts';
import { horizonKey } from './store-key.ts';

/**
 * An entry came that its origin made without having seen what this region has collected the marks of: the
 * origin went on from an older disk. The views can no longer say what it does; made anew from the log, which
 * has everything, they can.
 */
export class ViewsForgetfulError extends Error {
  override name = 'ViewsForgetfulError';
}

/** What all `origins` had applied, durably, when merge state of a partition was dropped for the last time. */
export interface Horizon {
  /** Not to be changed. */
  readonly vector: VersionVector;
  readonly origins: readonly Origin[];
}

const FORMAT = 1;

/**
 * How far a partition's views have forgotten. Whoever writes has seen all of it: that is what made it safe to
 * forget, and what an older disk takes back. It is kept in the store, with the views that it is about: views
 * that are made anew from the log have forgotten nothing.
 */
export class CollectionHorizon {
  #at: Horizon | undefined;
  /** What the store has. */
  #fed: Horizon | undefined;

  constructor(stored: Buffer | undefined) {
    this.#at = stored && decodeHorizon(stored);
    this.#fed = this.#at;
  }

  static load(store: Store, partition: PartitionNumber): CollectionHorizon {
    return new CollectionHorizon(store.get(horizonKey(partition)));
  }

  /** What the store does not have yet. */
  get unfed(): Horizon | undefined {
    return this.#at === this.#fed ? undefined : this.#at;
  }

  fed(horizon: Horizon): void {
    this.#fed = horizon;
  }

  /**
   * Whether `stable` is enough to go on forgetting: not while a region that is new lacks what others had when
   * this region forgot last.
   */
  isWithin(stable: VersionVector): boolean {
    return this.#at === undefined || stable.coversAll(this.#at.vector);
  }

  /** Something was dropped since `next.vector` is stable. */
  reach(next: Horizon): void {
    if (this.#at === next) return;
    // Rounds of collection may overlap.
    if (this.isWithin(next.vector)) this.#at = next;
  }

  /** What `origin` had on its disk for sure; undefined for nothing. Not to be changed. */
  knownOf(origin: Origin): VersionVector | undefined {
    return this.#at?.origins.includes(origin) === true ? this.#at.vector : undefined;
  }

  /** @throws ViewsForgetfulError when the views cannot take in these entries of others. */
  admit(entries: readonly Entry[], lsn: Lsn): void {
    if (this.#at === undefined) return;
    for (const { changes } of entries) {
      const [first] = changes;
      if (first === undefined || first.operation.context.coversAll(this.#at.vector)) continue;
      const { dot, context } = first.operation;
      throw new ViewsForgetfulError(
        `write ${dot.origin}.${dot.n} was made by somebody who had (${context}), while all had ` +
          `(${this.#at.vector}) before, and the views at ${lsn} have dropped what that takes`,
      );
    }
  }
}

export function encodeHorizon({ vector, origins }: Horizon): Buffer {
  const writer = new ByteWriter(64).u8(FORMAT);
  vector.encode(writer);
  writer.uint(origins.length);
  for (const origin of origins) writer.uint(origin);
  return writer.finish();
}

function decodeHorizon(bytes: Uint8Array): Horizon {
  const reader = new ByteReader(bytes);
  assert(reader.u8() === FORMAT, 'the store checked its format when it was opened');
  const vector = VersionVector.decode(reader);
  const origins: Origin[] = [];
  for (let left = reader.uint(); left > 0; left--) origins.push(reader.uint());
  return { vector, origins };
}
