import { ByteReader } from '../base/index.ts';
import { VersionVector } from '../causality/index.ts';
import type { Lsn, PartitionNumber } from '../log/index.ts';
import type { Store } from '../store/index.ts';
import { boundKey, kindEnd, trailingNumber } from './store-key.ts';

interface Checkpoint {
  readonly lsn: Lsn;
  readonly vector: VersionVector;
}

/** How many entries lie between two checkpoints at the least. */
const SPACING = 1024;

/**
 * Maps a reader's vector to a place in our log. Our order of entries is our own, so a vector has no exact
 * place; but vectors only grow along the log, so the latest checkpoint that the reader covers is a place
 * before which it misses nothing.
 */
export class Positions {
  /** By rising LSN; every vector covers the ones before it. */
  #checkpoints: Checkpoint[] = [];

  constructor(lsn: Lsn, vector: VersionVector) {
    if (lsn > 0) this.#checkpoints.push({ lsn, vector: vector.clone() });
  }

  /** Takes note that the log up to `lsn` amounts to `vector`. */
  note(lsn: Lsn, vector: VersionVector): void {
    const last = this.#checkpoints.at(-1)?.lsn ?? 0;
    if (lsn - last >= SPACING) this.#checkpoints.push({ lsn, vector: vector.clone() });
  }

  /** The highest known LSN up to which `vector` covers everything. */
  coveredBy(vector: VersionVector): Lsn {
    let low = 0;
    let high = this.#checkpoints.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const checkpoint = this.#checkpoints[middle];
      if (checkpoint !== undefined && vector.coversAll(checkpoint.vector)) low = middle + 1;
      else high = middle;
    }
    return this.#checkpoints[low - 1]?.lsn ?? 0;
  }

  /** Checkpoints after `lsn`, for the feeder to store. */
  after(lsn: Lsn): readonly Checkpoint[] {
    // From the end, since there is one for every thousand entries that the log ever held.
    const last = this.#checkpoints.findLastIndex((checkpoint) => checkpoint.lsn <= lsn);
    return this.#checkpoints.slice(last + 1);
  }

  /** Reads back what earlier processes stored. */
  async load(store: Store, partition: PartitionNumber): Promise<void> {
    if ((this.#checkpoints.at(-1)?.lsn ?? 0) < SPACING) return;
    const snapshot = store.snapshot();
    const cursor = snapshot.scan({ from: boundKey(partition, 'c'), to: kindEnd(partition, 'c') });
    const stored: Checkpoint[] = [];
    for (;;) {
      const pairs = await cursor.next(500);
      for (const [key, value] of pairs) {
        stored.push({ lsn: trailingNumber(key), vector: VersionVector.decode(new ByteReader(value)) });
      }
      if (pairs.length < 500) break;
    }
    await cursor.close();
    await snapshot.close();
    const known = stored.at(-1)?.lsn ?? 0;
    this.#checkpoints = [...stored, ...this.#checkpoints.filter((checkpoint) => checkpoint.lsn > known)];
  }
}
