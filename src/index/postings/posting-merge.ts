import { assert } from '../../base/index.ts';
import type { TermText } from './posting-block.ts';
import type { RunCursor } from './run-cursor.ts';
import { compareSigned, numberIn, type SignedNumber, sumEqual } from './signed-numbers.ts';

/** Numbers of one term; a term with many comes in several parts, one after the other. */
export interface TermPart {
  readonly term: TermText;
  /** In the order of reading; not empty. */
  readonly numbers: readonly SignedNumber[];
}

/**
 * The sum of several runs, read side by side in order. Like its cursors it reads nothing itself: while
 * `lacking` has cursors, each must be supplied with the block it wants.
 */
export class PostingMerge {
  readonly #reverse: boolean;
  /** Cursors with a head, by their terms. */
  readonly #front: RunCursor[] = [];
  #lacking: RunCursor[] = [];

  constructor(cursors: readonly RunCursor[], reverse: boolean) {
    this.#reverse = reverse;
    for (const cursor of cursors) this.#place(cursor);
  }

  get lacking(): readonly RunCursor[] {
    return this.#lacking;
  }

  /** Takes note that each of `lacking` was supplied. */
  supplied(): void {
    const cursors = this.#lacking;
    this.#lacking = [];
    for (const cursor of cursors) {
      assert(cursor.wanted === undefined || cursor.term === undefined, 'a supplied cursor goes on');
      this.#place(cursor);
    }
  }

  /** The next part; undefined at the end, and when a cursor lacks its block (see `lacking`). */
  next(): TermPart | undefined {
    const front = this.#front;
    while (this.#lacking.length === 0) {
      const first = front[0];
      if (first?.term === undefined) return undefined;
      const { term } = first;
      let equal = 1;
      while (equal < front.length && front[equal]?.term === term) equal++;
      const numbers = equal === 1 ? takeAll(first) : this.#takeEqual(equal);
      const taken = front.splice(0, equal);
      for (const cursor of taken) {
        if (cursor.place >= cursor.numbers.length) cursor.advance();
        this.#place(cursor);
      }
      if (numbers.length > 0) return { term, numbers };
    }
    return undefined;
  }

  /**
   * Of cursors that show one term: all numbers, or, where a list goes on in a block that is not here yet,
   * those up to the end of what is. Summed.
   */
  #takeEqual(equal: number): SignedNumber[] {
    const sign = this.#reverse ? -1 : 1;
    const cursors = this.#front.slice(0, equal);
    let bound = Number.POSITIVE_INFINITY;
    for (const { numbers, goesOn } of cursors) {
      if (!goesOn) continue;
      bound = Math.min(bound, sign * numberIn(numbers[numbers.length - 1] as number));
    }
    const all: SignedNumber[] = [];
    let isPlain = true;
    let last = Number.NEGATIVE_INFINITY;
    for (const cursor of cursors) {
      const { numbers } = cursor;
      let place = cursor.place;
      for (; place < numbers.length; place++) {
        const signed = numbers[place] as number;
        const rank = sign * numberIn(signed);
        if (rank > bound) break;
        isPlain &&= rank > last;
        last = rank;
        all.push(signed);
      }
      cursor.place = place;
    }
    if (isPlain) return all;
    all.sort((a, b) => sign * compareSigned(a, b));
    return sumEqual(all);
  }

  #place(cursor: RunCursor): void {
    const { term } = cursor;
    if (term === undefined) {
      if (cursor.wanted !== undefined) this.#lacking.push(cursor);
      return;
    }
    const front = this.#front;
    let at = 0;
    if (this.#reverse) while (at < front.length && (front[at]?.term as TermText) > term) at++;
    else while (at < front.length && (front[at]?.term as TermText) < term) at++;
    front.splice(at, 0, cursor);
  }
}

function takeAll(cursor: RunCursor): readonly SignedNumber[] {
  const { numbers, place } = cursor;
  cursor.place = numbers.length;
  return place === 0 ? numbers : numbers.slice(place);
}
