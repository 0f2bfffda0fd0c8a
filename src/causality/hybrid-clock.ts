import type { Runtime } from '../runtime/index.ts';

/**
 * Hybrid logical time (Kulkarni et al., OPODIS 2014) in one exact number: milliseconds since 2020-01-01
 * times 4096, plus a counter. It respects causality, stays near wall time, and fits until the year 2089.
 */
export type HybridTime = number;

const EPOCH_MS = Date.UTC(2020, 0, 1);
const COUNTS_PER_MS = 4096;

/** Wall-clock milliseconds (Unix) of a hybrid time. */
export function unixMs(time: HybridTime): number {
  return Math.floor(time / COUNTS_PER_MS) + EPOCH_MS;
}

/** The lowest hybrid time of a wall-clock millisecond. */
export function hybridTime(ms: number): HybridTime {
  return Math.max(0, Math.floor(ms) - EPOCH_MS) * COUNTS_PER_MS;
}

/** One region's hybrid clock. Every reading is later than all earlier ones and than all times observed. */
export class HybridClock {
  readonly #runtime: Pick<Runtime, 'nowMs'>;
  readonly #driftMsMax: number;
  #last: HybridTime = 0;
  #refused = 0;

  /** `driftMsMax`: how far ahead of our wall clock another region's time may pull us. */
  constructor(runtime: Pick<Runtime, 'nowMs'>, driftMsMax = 60_000) {
    this.#runtime = runtime;
    this.#driftMsMax = driftMsMax;
  }

  now(): HybridTime {
    this.#last = Math.max(this.#last + 1, hybridTime(this.#runtime.nowMs()));
    return this.#last;
  }

  /**
   * Moves past a time that another region gave to a write. A time further ahead than the drift limit
   * does not move us: one region's wrong clock must not become everybody's. Returns whether it was in the
   * limit.
   */
  observe(time: HybridTime): boolean {
    if (unixMs(time) > this.#runtime.nowMs() + this.#driftMsMax) {
      this.#refused++;
      return false;
    }
    this.#last = Math.max(this.#last, time);
    return true;
  }

  /** How many times were not followed, for being too far ahead. */
  get refused(): number {
    return this.#refused;
  }

  /** Never gives a time at or before `time` again; for what our own log says we gave before a restart. */
  resumeAfter(time: HybridTime): void {
    this.#last = Math.max(this.#last, time);
  }
}
