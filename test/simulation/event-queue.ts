/** Something that happens at a moment of simulated time. */
export interface TimedEvent {
  /** Simulated milliseconds since the start. */
  readonly atMs: number;
  /** Order of events of one moment; unique. */
  readonly sequence: number;
}

/** Events by (atMs, sequence), earliest first: a binary heap. */
export class EventQueue<E extends TimedEvent> {
  readonly #heap: E[] = [];

  get size(): number {
    return this.#heap.length;
  }

  peek(): E | undefined {
    return this.#heap[0];
  }

  push(event: E): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above] as E;
      if (isBefore(parent, event)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = event;
  }

  pop(): E | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const below = right < heap.length && isBefore(heap[right] as E, heap[left] as E) ? right : left;
      if (isBefore(last, heap[below] as E)) break;
      heap[place] = heap[below] as E;
      place = below;
    }
    heap[place] = last;
    return first;
  }
}

function isBefore(a: TimedEvent, b: TimedEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
