import type { QueryMemory } from './query-memory.ts';

/** Postings, or numbers, that are read before others are asked whether they have waited for long. */
const POSTINGS_PER_TURN = 512;
/** What beginning to read at some place of an index costs, in postings: each of its runs is opened there. */
const SCAN_POSTINGS = 256;

/** What it costs to look at a value with a common condition, in postings. */
const LOOK_POSTINGS = 2;

export interface PostingMeterOptions {
  /** Lets others run, if they have waited for long enough. */
  readonly turn?: () => Promise<void>;
  /** Too much time is gone to look up what the page could do without. */
  readonly isLate?: () => boolean;
  /** What is gathered counts there. */
  readonly memory?: QueryMemory;
  /** What it costs to look at an item, or one value, with the query's condition; 1 for a common one. */
  readonly weight?: number;
}

/** Counts what a query reads of indexes, and lets others run when that takes long. */
export class PostingMeter {
  postings = 0;
  /** All work that was noted, in postings. */
  spent = 0;
  readonly turn: () => Promise<void>;
  readonly memory: QueryMemory | undefined;
  readonly weight: number;
  readonly #isLate: (() => boolean) | undefined;
  #sinceTurn = 0;

  constructor({ turn, isLate, memory, weight = 1 }: PostingMeterOptions = {}) {
    this.turn = turn ?? (() => Promise.resolve());
    this.memory = memory;
    this.weight = weight;
    this.#isLate = isLate;
  }

  get isLate(): boolean {
    return this.#isLate?.() === true;
  }

  /** Notes that so many were read; what it gives, if anything, has to be waited for. */
  read(count: number): Promise<void> | undefined {
    this.postings += count;
    return this.#spend(count);
  }

  /** Notes that reading begins at another place. */
  began(): Promise<void> | undefined {
    return this.#spend(SCAN_POSTINGS);
  }

  /** Notes that so many values were looked at with the query's condition. */
  looked(count: number): Promise<void> | undefined {
    return this.#spend(count * this.weight * LOOK_POSTINGS);
  }

  /** Notes work on so many postings that were read before. */
  worked(count: number): Promise<void> | undefined {
    return this.#spend(count);
  }

  #spend(count: number): Promise<void> | undefined {
    this.spent += count;
    this.#sinceTurn += count;
    if (this.#sinceTurn < POSTINGS_PER_TURN) return undefined;
    this.#sinceTurn = 0;
    return this.turn();
  }
}

/** How many scans cost as much as reading so many postings in one. */
export function postingsOfScans(scans: number): number {
  return scans * SCAN_POSTINGS;
}
