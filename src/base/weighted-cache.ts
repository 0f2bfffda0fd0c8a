interface Entry<V> {
  readonly value: V;
  readonly weight: number;
  /** Asked for since it was set, or last spared. */
  isHit: boolean;
}

/**
 * Cache bounded by the sum of its entries' weights (usually bytes). Who makes room is the oldest entry that
 * nobody asked for lately; one that was asked for is spared once and counts as new (the "second chance" of
 * operating systems). A hit only sets a mark: moving it to the end of the Map, as an exact order of use
 * needs, leaves a dead entry in its hash chain each time, and one hot key among thousands gets slow by that.
 */
export class WeightedCache<K, V> {
  readonly #entries = new Map<K, Entry<V>>();
  readonly #weightMax: number;
  #weight = 0;

  constructor(weightMax: number) {
    this.#weightMax = weightMax;
  }

  get weight(): number {
    return this.#weight;
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.isHit = true;
    return entry.value;
  }

  set(key: K, value: V, weight: number): void {
    this.delete(key);
    if (weight > this.#weightMax) return;
    for (const [oldest, entry] of this.#entries) {
      if (this.#weight + weight <= this.#weightMax) break;
      this.#entries.delete(oldest);
      if (!entry.isHit) {
        this.#weight -= entry.weight;
        continue;
      }
      // Comes by again at the end of this very loop, should nobody else make room.
      entry.isHit = false;
      this.#entries.set(oldest, entry);
    }
    this.#entries.set(key, { value, weight, isHit: false });
    this.#weight += weight;
  }

  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
  }

  clear(): void {
    this.#entries.clear();
    this.#weight = 0;
  }
}
