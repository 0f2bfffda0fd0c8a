import { Histogram, type HistogramSnapshot } from '../base/index.ts';
import type { Origin } from '../causality/index.ts';

/** Upper bounds in milliseconds; those that are published as probabilities are among them. */
const BOUNDS_MS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000] as const;

/**
 * How long after its acknowledgement here a write can be read in another region (t-visibility, Bailis et al.,
 * VLDB 2012), measured on this region's clock alone: from its being durable here to the other's word that it
 * is durable there, less half the round trip that the word took.
 */
export class Visibility {
  readonly #histograms = new Map<Origin, Histogram>();
  readonly #roundTripMs = new Map<Origin, number>();

  /** The latest round trip to `origin`. */
  measured(origin: Origin, roundTripMs: number): void {
    this.#roundTripMs.set(origin, roundTripMs);
  }

  /** A write was durable here `ms` before this region heard that `origin` has it. */
  note(origin: Origin, ms: number): void {
    let histogram = this.#histograms.get(origin);
    if (histogram === undefined) {
      histogram = new Histogram(BOUNDS_MS);
      this.#histograms.set(origin, histogram);
    }
    histogram.add(Math.max(0, ms - (this.#roundTripMs.get(origin) ?? 0) / 2));
  }

  roundTripMs(origin: Origin): number | undefined {
    return this.#roundTripMs.get(origin);
  }

  snapshot(origin: Origin): HistogramSnapshot | undefined {
    return this.#histograms.get(origin)?.snapshot();
  }
}
