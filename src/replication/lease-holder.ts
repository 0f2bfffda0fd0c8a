import type { Origin } from '../causality/index.ts';

/**
 * The read leases that a region holds, one from each region that takes writes. Pure: the caller brings the
 * time, by its own monotonic clock.
 */
export class LeaseHolder {
  /** Until when, by whoever gave it. */
  readonly #until = new Map<Origin, number>();
  #givers: readonly Origin[] = [];
  #untilMs = Number.NEGATIVE_INFINITY;

  /** From whom leases are needed: every other region that takes writes. None: always held. */
  need(givers: readonly Origin[]): void {
    this.#givers = givers;
    for (const origin of this.#until.keys()) if (!givers.includes(origin)) this.#until.delete(origin);
    this.#refresh();
  }

  /** A lease of `leaseMs` came, asked for at `askedAtMs`. */
  take(giver: Origin, askedAtMs: number, leaseMs: number): void {
    if (!this.#givers.includes(giver)) return;
    // An answer that was late must not shorten what a later one gave.
    this.#until.set(giver, Math.max(this.#until.get(giver) ?? Number.NEGATIVE_INFINITY, askedAtMs + leaseMs));
    this.#refresh();
  }

  #refresh(): void {
    let until = Number.POSITIVE_INFINITY;
    for (const giver of this.#givers) {
      until = Math.min(until, this.#until.get(giver) ?? Number.NEGATIVE_INFINITY);
    }
    this.#untilMs = until;
  }

  /** All leases are good until this moment; infinite when none is needed. */
  get untilMs(): number {
    return this.#untilMs;
  }
}
