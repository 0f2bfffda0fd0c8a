/** `boxes` and `balls`: nodes of two trees, apart by what their boxes or the balls around them tell. */
export type PairKind = 'boxes' | 'balls' | 'corner of a' | 'corner of b';

export interface Pair {
  /** What they are apart at the least. */
  readonly least: number;
  readonly kind: PairKind;
  readonly i: number;
  readonly j: number;
}

/** Pairs, the nearest first: a binary heap. */
export class PairQueue {
  readonly #heap: Pair[] = [];

  add(least: number, kind: PairKind, i: number, j: number): void {
    const heap = this.#heap;
    const pair = { least, kind, i, j };
    let place = heap.length;
    heap.push(pair);
    while (place > 0) {
      const up = (place - 1) >> 1;
      const parent = heap[up] as Pair;
      if (parent.least <= least) break;
      heap[place] = parent;
      place = up;
    }
    heap[place] = pair;
  }

  /** Undefined when it is empty. */
  take(): Pair | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let down = 2 * place + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && (heap[down + 1] as Pair).least < (heap[down] as Pair).least) down++;
      const child = heap[down] as Pair;
      if (child.least >= last.least) break;
      heap[place] = child;
      place = down;
    }
    heap[place] = last;
    return first;
  }
}
