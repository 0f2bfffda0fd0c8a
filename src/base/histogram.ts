/** Counts values by the upper bounds of classes; a last class takes what exceeds them all. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  /** `bounds`: rising; a value belongs to the first bound that it does not exceed. */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  add(value: number): void {
    const { bounds } = this;
    let place = 0;
    while (place < bounds.length && value > (bounds[place] ?? 0)) place++;
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
    this.#sum += value;
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  /** Plain data, for other processes. */
  snapshot(): HistogramSnapshot {
    return { bounds: this.bounds, counts: [...this.#counts], sum: this.#sum };
  }
}

export interface HistogramSnapshot {
  readonly bounds: readonly number[];
  /** One for each bound, and a last one for what exceeds them all; each counts its class alone. */
  readonly counts: readonly number[];
  readonly sum: number;
}
