import type { Gathered } from './gathering.ts';
import type { DistinctRows, GatheredRows } from './grouping.ts';
import type { SortedRest } from './order-key.ts';
import type { QueryMemory } from './query-memory.ts';

/** What a page of a query leaves to the next one, which would otherwise read again what came before. */
export interface CarryOver {
  readonly memory: QueryMemory;
  readonly distinct?: DistinctRows | undefined;
  readonly gathered?: GatheredRows;
  readonly sorted?: SortedRest;
  /** What an index has found, which took longer than to keep it; or that it found too much to be of use. */
  readonly candidates?: Gathered | 'many';
}

/** All that is kept between pages; what does not fit, or is lost, is worked out anew. */
const BYTES_MAX = 32 * 1024 * 1024;
/** What changes by itself (items that expire, the time of day) must not be shown for long. */
const LIFETIME_MS = 10_000;

interface Kept {
  readonly value: CarryOver;
  readonly bytes: number;
  readonly untilMs: number;
}

/**
 * Carry-overs by continuation. A key names the state of the partition that was read: with the same state
 * and the same place, any execution of the query would have come to the same.
 */
export class CarryOvers {
  /** The oldest first. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#kept.size === 0;
  }

  keep(key: string, value: CarryOver, nowMs: number): void {
    this.#remove(key);
    const listed = (value.sorted?.bytes ?? 0) + bytesOf(value.candidates);
    const bytes = key.length + value.memory.used + listed;
    this.#kept.set(key, { value, bytes, untilMs: nowMs + LIFETIME_MS });
    this.#bytes += bytes;
    for (const [oldest, { untilMs }] of this.#kept) {
      if (this.#bytes <= BYTES_MAX && nowMs <= untilMs) break;
      this.#remove(oldest);
    }
  }

  /** Each is given once: whoever gets it goes on with it, and it is no longer where the token says. */
  take(key: string, nowMs: number): CarryOver | undefined {
    const found = this.#remove(key);
    return found !== undefined && nowMs <= found.untilMs ? found.value : undefined;
  }

  #remove(key: string): Kept | undefined {
    const found = this.#kept.get(key);
    if (found === undefined) return undefined;
    this.#kept.delete(key);
    this.#bytes -= found.bytes;
    return found;
  }
}

function bytesOf(candidates: CarryOver['candidates']): number {
  return typeof candidates === 'object' ? candidates.numbers.buffer.byteLength : 0;
}
