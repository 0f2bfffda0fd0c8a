/**
 * Things under way, thousands a second and each for a short time only.
 *
 * Not a Set: that puts its members into a new table every few dozen changes, and the table it leaves keeps
 * the next one alive for iterators. Once one of them has grown old, all that come after it are promoted with
 * everything that was in them, however short its life, and only a major collection ends the chain.
 */
export class Slots<T extends object> {
  #values: (T | undefined)[] = [];
  #free: number[] = [];

  /** What to call `remove` with. */
  add(value: T): number {
    const slot = this.#free.pop() ?? this.#values.length;
    this.#values[slot] = value;
    return slot;
  }

  /** Does nothing when `drain` has taken it. */
  remove(slot: number): void {
    if (this.#values[slot] === undefined) return;
    this.#values[slot] = undefined;
    this.#free.push(slot);
  }

  /** Takes all; nothing may be added afterwards. */
  drain(): T[] {
    const values = this.#values.filter((value) => value !== undefined);
    this.#values = [];
    this.#free = [];
    return values;
  }
}
