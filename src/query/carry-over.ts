import { WeightedCache } from '../base/index.ts';
import type { DistinctRows, GatheredRows } from './grouping.ts';
import type { QueryMemory } from './query-memory.ts';

/** What a page of a query leaves to the next one, which would otherwise read again what came before. */
export interface CarryOver {
  readonly memory: QueryMemory;
  readonly distinct?: DistinctRows | undefined;
  readonly gathered?: GatheredRows;
}

/** All that is kept between pages; what does not fit, or is lost, is worked out anew. */
const BYTES_MAX = 128 * 1024 * 1024;
/** What changes by itself (items that expire, the time of day) must not be shown for long. */
const LIFETIME_MS = 10_000;

/**
 * Carry-overs by continuation. A key names the state of the partition that was read: with the same state
 * and the same place, any execution of the query would have come to the same.
 */
export class CarryOvers {
  readonly #kept = new WeightedCache<string, { readonly value: CarryOver; readonly untilMs: number }>(
    BYTES_MAX,
  );

  keep(key: string, value: CarryOver, nowMs: number): void {
    this.#kept.set(key, { value, untilMs: nowMs + LIFETIME_MS }, key.length + value.memory.used);
  }

  /** Each is given once: whoever gets it goes on with it, and it is no longer where the token says. */
  take(key: string, nowMs: number): CarryOver | undefined {
    const found = this.#kept.get(key);
    this.#kept.delete(key);
    return found !== undefined && nowMs <= found.untilMs ? found.value : undefined;
  }
}
