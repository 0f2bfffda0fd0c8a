import type { Dot, Origin, VersionVector } from '../causality/index.ts';
import type { DatabaseError } from '../errors/index.ts';
import type { Lsn, PartitionNumber } from '../log/index.ts';
import type { Store } from '../store/index.ts';
import { Positions } from './positions.ts';
import type { Position } from './record.ts';
import { Waiters, type Waiting } from './waiters.ts';

/** How far a partition's log is durable, what is in flight behind that, and who waits for it. */
export class DurableLog {
  /** What is durable. Changes in place; clone to keep. */
  readonly vector: VersionVector;
  #lsn: Lsn;
  readonly #inFlight: { lsn: Lsn; origin: Origin; n: number }[] = [];
  readonly #positions: Positions;
  readonly #waiters = new Waiters();

  constructor({ lsn, vector }: Pick<Position, 'lsn' | 'vector'>) {
    this.#lsn = lsn;
    this.vector = vector.clone();
    this.#positions = new Positions(lsn, vector);
  }

  /** Of the last durable entry. */
  get lsn(): Lsn {
    return this.#lsn;
  }

  /** An entry is on its way into the log. */
  begin(lsn: Lsn, { origin, n }: Dot): void {
    this.#inFlight.push({ lsn, origin, n });
  }

  /** The log has everything up to `lsn`. */
  reach(lsn: Lsn): void {
    if (lsn <= this.#lsn) return;
    this.#lsn = lsn;
    let done = 0;
    for (const entry of this.#inFlight) {
      if (entry.lsn > lsn) break;
      this.vector.advance(entry.origin, entry.n);
      this.#positions.note(entry.lsn, this.vector);
      done++;
    }
    this.#inFlight.splice(0, done);
    this.#waiters.wake();
  }

  /** Resolves once everything up to `lsn` is durable; undefined when it already is. */
  settled(lsn: Lsn): Promise<void> | undefined {
    return lsn <= this.#lsn ? undefined : this.#waiters.wait(() => lsn <= this.#lsn).promise;
  }

  /** Resolves once `demand` is durable; undefined when it already is. */
  covering(demand: VersionVector): Waiting | undefined {
    return this.vector.coversAll(demand)
      ? undefined
      : this.#waiters.wait(() => this.vector.coversAll(demand));
  }

  /** Those who wait, now or later, fail with `reason`. */
  fail(reason: DatabaseError): void {
    this.#waiters.fail(reason);
  }

  /** Everything up to this LSN is surely covered by `vector`. */
  coveredLsn(vector: VersionVector): Lsn {
    return vector.coversAll(this.vector) ? this.#lsn : this.#positions.coveredBy(vector);
  }

  /** Checkpoints after `lsn`, up to what is durable. */
  checkpointsAfter(lsn: Lsn): ReturnType<Positions['after']> {
    return this.#positions.after(lsn);
  }

  /** Reads back the checkpoints that earlier processes stored. */
  loadCheckpoints(store: Store, partition: PartitionNumber): Promise<void> {
    return this.#positions.load(store, partition);
  }
}
