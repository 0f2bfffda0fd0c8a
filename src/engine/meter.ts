import { Histogram, type HistogramSnapshot } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';

/** Upper bounds in milliseconds. */
const LATENCY_BOUNDS_MS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
] as const;

/**
 * How an operation ended: `refused` is the caller's doing, `throttled` a 429, `timedOut` a missed deadline,
 * `failed` everything that was our fault. The last two count against availability.
 */
export type OutcomeClass = 'ok' | 'refused' | 'throttled' | 'timedOut' | 'failed';

export interface OperationCounts {
  readonly operation: string;
  readonly outcomes: Readonly<Record<OutcomeClass, number>>;
  /** Request units. */
  readonly charge: number;
  /** Of all outcomes. */
  readonly latencyMs: HistogramSnapshot;
}

/** What one kind of operation came to, since the region was opened. */
class OperationMeter {
  readonly outcomes: Record<OutcomeClass, number> = {
    ok: 0,
    refused: 0,
    throttled: 0,
    timedOut: 0,
    failed: 0,
  };
  readonly latencyMs = new Histogram(LATENCY_BOUNDS_MS);
  charge = 0;

  succeeded(ms: number, charge: number): void {
    this.outcomes.ok++;
    this.charge += charge;
    this.latencyMs.add(ms);
  }

  failed(ms: number, error: unknown): void {
    this.outcomes[classOf(error)]++;
    this.latencyMs.add(ms);
  }
}

function classOf(error: unknown): OutcomeClass {
  if (!(error instanceof DatabaseError)) return 'failed';
  const { status } = error.kind;
  if (status === 429) return 'throttled';
  if (status === 408) return 'timedOut';
  return status >= 500 ? 'failed' : 'refused';
}

/** Counts what operations come to; see OperationCounts. */
export class Meter {
  readonly #operations = new Map<string, OperationMeter>();

  /** The meter of one kind of operation: ask once and keep it. */
  of(operation: string): OperationMeter {
    let meter = this.#operations.get(operation);
    if (meter === undefined) {
      meter = new OperationMeter();
      this.#operations.set(operation, meter);
    }
    return meter;
  }

  snapshot(): OperationCounts[] {
    return [...this.#operations].map(([operation, { outcomes, charge, latencyMs }]) => ({
      operation,
      outcomes: { ...outcomes },
      charge,
      latencyMs: latencyMs.snapshot(),
    }));
  }
}

export type { OperationMeter };
