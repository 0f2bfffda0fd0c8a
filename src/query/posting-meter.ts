/** Postings, or numbers, that are read between two turns of others: a few milliseconds. */
const POSTINGS_PER_TURN = 8_192;
/** What beginning to read at some place of an index costs, in postings: each of its runs is opened there. */
const SCAN_POSTINGS = 256;

/** Counts what a query reads of indexes, and lets others run when that takes long. */
export class PostingMeter {
  postings = 0;
  /** All work that was noted, in postings. */
  spent = 0;
  /** Lets others run. */
  readonly turn: () => Promise<void>;
  #sinceTurn = 0;

  constructor(turn: () => Promise<void> = () => Promise.resolve()) {
    this.turn = turn;
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
