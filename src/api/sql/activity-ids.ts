import type { Runtime } from '../../runtime/index.ts';

const LOW_COUNT = 0x1000000;

/**
 * Ids for answers: GUIDs that share one random beginning and end in a counter. Clients need them different,
 * not unguessable, and a counter costs a hundredth of random bytes.
 */
export class ActivityIds {
  /** The first 24 characters: everything before the last group. */
  readonly #random: string;
  #prefix: string;
  #high = 0;
  #low = 0;

  constructor(runtime: Pick<Runtime, 'uuid'>) {
    this.#random = runtime.uuid().slice(0, 24);
    this.#prefix = this.#prefixOf(0);
  }

  next(): string {
    if (++this.#low === LOW_COUNT) {
      this.#low = 0;
      this.#prefix = this.#prefixOf(++this.#high);
    }
    // The leading 1 keeps the zeros, and is cut off again.
    return this.#prefix + (LOW_COUNT + this.#low).toString(16).slice(1);
  }

  #prefixOf(high: number): string {
    return this.#random + (LOW_COUNT + high).toString(16).slice(1);
  }
}
