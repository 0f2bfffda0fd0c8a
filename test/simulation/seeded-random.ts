import { murmur3x86Hash32 } from '../../src/base/index.ts';

/**
 * A stream of pseudo-random numbers (sfc32 by Chris Doty-Humphrey, public domain) that can be split into
 * independent streams by name. Each user of chance has its own stream, so that one who draws more or less
 * than before does not change what all others meet: that keeps a failing seed failing while code changes.
 */
export class SeededRandom {
  readonly #name: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number | string) {
    this.#name = String(seed);
    const bytes = Buffer.from(this.#name);
    this.#a = murmur3x86Hash32(bytes, 1);
    this.#b = murmur3x86Hash32(bytes, 2);
    this.#c = murmur3x86Hash32(bytes, 3);
    for (let round = 0; round < 12; round++) this.#uint32();
  }

  split(name: string): SeededRandom {
    return new SeededRandom(`${this.#name}/${name}`);
  }

  /** Uniform in [0, 1). */
  next(): number {
    return (this.#uint32() * 2 ** 21 + (this.#uint32() >>> 11)) / 2 ** 53;
  }

  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** Uniform in [min, max). */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  /** Between `min` and `max`, where each order of magnitude is as likely as the next; `min` above 0. */
  logarithmic(min: number, max: number): number {
    return min * (max / min) ** this.next();
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.integer(0, choices.length - 1)];
    if (choice === undefined) throw new RangeError('nothing to pick from');
    return choice;
  }

  /** Picks by weight; weights need not add up to 1. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const entries = Object.entries<number>(weights);
    let rest = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [choice, weight] of entries) {
      rest -= weight;
      if (rest < 0) return choice as T;
    }
    return entries.at(-1)?.[0] as T;
  }

  shuffled<T>(list: readonly T[]): T[] {
    const copy = [...list];
    for (let place = copy.length - 1; place > 0; place--) {
      const other = this.integer(0, place);
      [copy[place], copy[other]] = [copy[other] as T, copy[place] as T];
    }
    return copy;
  }

  uuid(): string {
    let hex = '';
    for (let word = 0; word < 4; word++) hex += this.#uint32().toString(16).padStart(8, '0');
    const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
    const [low, middle] = [hex.slice(0, 8), hex.slice(8, 12)];
    return `${low}-${middle}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  #uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }
}
