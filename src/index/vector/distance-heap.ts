/** Slots with their distances, the nearest (or farthest) on top. */
export class DistanceHeap {
  readonly #sign: 1 | -1;
  #distances = new Float64Array(64);
  #slots = new Int32Array(64);
  length = 0;

  constructor(top: 'nearest' | 'farthest') {
    this.#sign = top === 'nearest' ? 1 : -1;
  }

  clear(): void {
    this.length = 0;
  }

  /** Infinity (nearest on top) or minus infinity when empty. */
  get topDistance(): number {
    const key = this.length === 0 ? Number.POSITIVE_INFINITY : (this.#distances[0] as number);
    return key * this.#sign;
  }

  push(distance: number, slot: number): void {
    if (this.length === this.#slots.length) this.#grow();
    const key = distance * this.#sign;
    let place = this.length++;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if ((this.#distances[parent] as number) <= key) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#distances[place] = key;
    this.#slots[place] = slot;
  }

  /** Takes the top off; -1 when empty. */
  pop(): number {
    if (this.length === 0) return -1;
    const top = this.#slots[0] as number;
    const last = --this.length;
    const key = this.#distances[last] as number;
    const slot = this.#slots[last] as number;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= last) break;
      if (child + 1 < last && (this.#distances[child + 1] as number) < (this.#distances[child] as number))
        child++;
      if ((this.#distances[child] as number) >= key) break;
      this.#move(child, place);
      place = child;
    }
    this.#distances[place] = key;
    this.#slots[place] = slot;
    return top;
  }

  #move(from: number, to: number): void {
    this.#distances[to] = this.#distances[from] as number;
    this.#slots[to] = this.#slots[from] as number;
  }

  #grow(): void {
    const distances = new Float64Array(this.#distances.length * 2);
    distances.set(this.#distances);
    this.#distances = distances;
    const slots = new Int32Array(distances.length);
    slots.set(this.#slots);
    this.#slots = slots;
  }
}
