import { unixMs } from '../../src/causality/index.ts';
import type { ModelPut } from './reference.ts';
import { START_UNIX_MS } from './simulated-runtime.ts';
import type { Swarm } from './swarm.ts';

/** By how much all that measures time may be wrong beside the clocks' first errors: drift, whole seconds. */
const SLACK_MS = 1_000;

/**
 * When items end by their time to live, as far as it can be told from outside: each region goes by its own
 * clock, so there is a while in which one shows the item and another does not.
 */
export class Lifetimes {
  readonly #defaultTtl: number | undefined;
  readonly #toleranceMs: number;

  constructor({ defaultTtl, skewMsMax }: Swarm) {
    this.#defaultTtl = defaultTtl;
    this.#toleranceMs = 2 * skewMsMax + SLACK_MS;
  }

  /** Whether some region may show the item no more at `atMs`, in simulated milliseconds. */
  mayBeOver(put: ModelPut | undefined, atMs: number): boolean {
    return atMs >= this.#deadlineMs(put) - this.#toleranceMs;
  }

  /** Whether no region may show the item from `atMs` on. */
  isOver(put: ModelPut | undefined, atMs: number): boolean {
    return atMs >= this.#deadlineMs(put) + this.#toleranceMs;
  }

  #deadlineMs(put: ModelPut | undefined): number {
    if (put === undefined || this.#defaultTtl === undefined) return Number.POSITIVE_INFINITY;
    const seconds = put.ttl ?? this.#defaultTtl;
    return seconds === -1 ? Number.POSITIVE_INFINITY : simulatedMs(put.time) + 1_000 * seconds;
  }
}

/** The moment that a hybrid time names, in simulated milliseconds. */
export function simulatedMs(time: number): number {
  return unixMs(time) - START_UNIX_MS;
}
