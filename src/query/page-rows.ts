export interface PageLimits {
  /** Rows of a page, 1 or more. */
  readonly itemCountMax: number;
  /** Bytes that the rows of a page may have together; a single row may have more. */
  readonly bytesMax: number;
  /** A page that filled up looks for one more row, and has no continuation when there is none. */
  readonly looksAhead?: boolean;
}

/** Rows of one page, within its limits and the window of TOP, OFFSET and LIMIT. */
export class PageRows {
  readonly rows: (Buffer | string)[] = [];
  skip: number;
  take: number;
  readonly #countMax: number;
  readonly #bytesMax: number;
  readonly #looksAhead: boolean;
  #bytes = 0;
  #hasRefused = false;

  constructor(window: { skip: number; take: number }, limits: PageLimits) {
    this.skip = window.skip;
    this.take = window.take;
    this.#countMax = limits.itemCountMax;
    this.#bytesMax = limits.bytesMax;
    this.#looksAhead = limits.looksAhead === true;
  }

  /**
   * Takes the row, or leaves it out when the window does; false when there is no room: then it is not
   * consumed.
   */
  offer(row: Buffer | string): boolean {
    if (this.skip > 0) {
      this.skip--;
      return true;
    }
    if (this.hasAllRows || (this.rows.length > 0 && this.#bytes + row.length > this.#bytesMax)) {
      this.#hasRefused = true;
      return false;
    }
    this.rows.push(row);
    this.#bytes += row.length;
    this.take--;
    return true;
  }

  /** As many rows as were asked for. */
  get hasAllRows(): boolean {
    return this.rows.length >= this.#countMax;
  }

  /**
   * Whether the client may ask for more: a page that filled up does not know whether it was the last, unless
   * it looks ahead.
   */
  get isFull(): boolean {
    return this.#hasRefused || (this.hasAllRows && !this.#looksAhead);
  }

  /** Nothing more can be added. */
  get isClosed(): boolean {
    return this.isFull || this.take <= 0;
  }

  /** Rows that would fill the page, those to be left out and the one looked for ahead included. */
  get missing(): number {
    const ahead = this.#looksAhead ? 1 : 0;
    return Math.min(this.#countMax + ahead - this.rows.length, this.take) + this.skip;
  }
}
