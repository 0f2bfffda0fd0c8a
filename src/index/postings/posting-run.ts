/**
 * A run: postings that were written together, sorted by term and number, cut into blocks. Runs never change;
 * what an index says is the sum of its runs. Of each block the run knows where it begins and how many items
 * it adds, so a reader opens only the blocks it needs, and counts those in the middle of a range unread.
 */
import { assert } from '../../base/index.ts';
import { BlockBuilder, type TermText } from './posting-block.ts';
import {
  type BytePlace,
  type ByteRoom,
  numberIn,
  readVarint,
  reserve,
  type SignedNumber,
  writeVarint,
} from './signed-numbers.ts';

/** What a run knows of each of its blocks, by place. */
export interface Fences {
  /** The first term. */
  readonly terms: readonly TermText[];
  /** The number that comes first with it. */
  readonly numbers: readonly number[];
  /** Numbers added, less those taken away. */
  readonly sums: readonly number[];
}

/** Blocks are cut when they have so many bytes: like the store's own, and cheap to search. */
const BLOCK_BYTES = 8_192;
/** A longer list goes on in the next block. */
const PART_NUMBERS = 2_048;

/** Takes postings in order and makes blocks of them. */
export class RunBuilder {
  readonly #emit: (place: number, block: Buffer) => void;
  readonly #blockBytes: number;
  readonly #partNumbers: number;
  readonly #block = new BlockBuilder();
  readonly #terms: TermText[] = [];
  readonly #numbers: number[] = [];
  readonly #sums: number[] = [];
  #lastTerm: TermText | undefined;
  #bytes = 0;

  /** `emit` is called for each block when it is complete; smaller limits are for tests. */
  constructor(
    emit: (place: number, block: Buffer) => void,
    { blockBytes = BLOCK_BYTES, partNumbers = PART_NUMBERS } = {},
  ) {
    this.#emit = emit;
    this.#blockBytes = blockBytes;
    this.#partNumbers = partNumbers;
  }

  /** Bytes of the blocks so far. */
  get bytes(): number {
    return this.#bytes + this.#block.bytes;
  }

  get blockCount(): number {
    return this.#terms.length;
  }

  /** Terms rise; a term that comes again goes on with higher numbers. `list` is not empty. */
  add(term: TermText, list: readonly SignedNumber[]): void {
    for (let from = 0; from < list.length; from += this.#partNumbers) {
      const to = Math.min(list.length, from + this.#partNumbers);
      this.#addPart(term, list, from, to);
      // A term stands in a block once, so one that goes on begins another.
      if (to < list.length) this.#cut();
    }
    if (this.#block.bytes >= this.#blockBytes) this.#cut();
  }

  #addPart(term: TermText, list: readonly SignedNumber[], from: number, to: number): void {
    if (term === this.#lastTerm && !this.#block.isEmpty) this.#cut();
    this.#lastTerm = term;
    if (this.#block.isEmpty) {
      this.#terms.push(term);
      this.#numbers.push(numberIn(list[from] as number));
      this.#sums.push(0);
    }
    let sum = 0;
    for (let i = from; i < to; i++) sum += (list[i] as number) < 0 ? -1 : 1;
    const place = this.#sums.length - 1;
    this.#sums[place] = (this.#sums[place] as number) + sum;
    this.#block.add(term, list, from, to);
  }

  #cut(): void {
    if (this.#block.isEmpty) return;
    const block = this.#block.finish();
    this.#bytes += block.length;
    this.#emit(this.#terms.length - 1, block);
  }

  /** Emits the last block. */
  finish(): Fences {
    this.#cut();
    return { terms: this.#terms, numbers: this.#numbers, sums: this.#sums };
  }
}

/** Of a run with one block nothing needs to be known: it is always looked into. */
export function soleFence(sum: number): Fences {
  return { terms: [''], numbers: [0], sums: [sum] };
}

export function encodeFences({ terms, numbers, sums }: Fences): Buffer {
  const room: ByteRoom = { bytes: Buffer.allocUnsafeSlow(4_096), length: 0 };
  reserve(room, 10);
  writeVarint(room, terms.length);
  let last: TermText = '';
  for (let place = 0; place < terms.length; place++) {
    const term = terms[place] as TermText;
    const sum = sums[place] as number;
    reserve(room, 40 + term.length);
    let shared = 0;
    while (shared < last.length && last.charCodeAt(shared) === term.charCodeAt(shared)) shared++;
    writeVarint(room, shared);
    writeVarint(room, term.length - shared);
    for (let i = shared; i < term.length; i++) room.bytes[room.length++] = term.charCodeAt(i);
    writeVarint(room, numbers[place] as number);
    writeVarint(room, sum < 0 ? -2 * sum - 1 : 2 * sum);
    last = term;
  }
  return Buffer.from(room.bytes.subarray(0, room.length));
}

export function decodeFences(bytes: Buffer): Fences {
  const place: BytePlace = { bytes, at: 0 };
  const count = readVarint(place);
  const terms: TermText[] = [];
  const numbers: number[] = [];
  const sums: number[] = [];
  let last: TermText = '';
  for (let i = 0; i < count; i++) {
    const shared = readVarint(place);
    const length = readVarint(place);
    last = last.slice(0, shared) + bytes.toString('latin1', place.at, place.at + length);
    place.at += length;
    terms.push(last);
    numbers.push(readVarint(place));
    const code = readVarint(place);
    sums.push(code % 2 === 1 ? -(code + 1) / 2 : code / 2);
  }
  assert(place.at === bytes.length, 'fences are read to their end');
  return { terms, numbers, sums };
}

/** A place among postings: before the number of that term. */
export interface PostingPlace {
  readonly term: TermText;
  readonly number: number;
}

/** How many blocks begin before the place, or at it too if `inclusive`. */
export function blocksBefore({ terms, numbers }: Fences, place: PostingPlace, inclusive: boolean): number {
  let low = 0;
  let high = terms.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const term = terms[middle] as TermText;
    const number = numbers[middle] as number;
    const isBefore =
      term < place.term ||
      (term === place.term && (number < place.number || (inclusive && number === place.number)));
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Which blocks a range of terms lies in: those in the middle hold nothing else. */
export interface BlockSpan {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

export function blocksWithin(fences: Fences, from: TermText, to: TermText): BlockSpan {
  const first = Math.max(0, blocksBefore(fences, { term: from, number: -1 }, false) - 1);
  return { first, end: Math.max(first, blocksBefore(fences, { term: to, number: -1 }, false)) };
}

/**
 * Between which bounds the count of numbers with terms in the range lies: the blocks in the middle, and with
 * those at its edges.
 */
export function estimateWithin(
  fences: Fences,
  from: TermText,
  to: TermText,
): { readonly atLeast: number; readonly atMost: number } {
  const { first, end } = blocksWithin(fences, from, to);
  let atLeast = 0;
  let atEdges = 0;
  for (let block = first; block < end; block++) {
    const sum = fences.sums[block] as number;
    if (block === first || block === end - 1) atEdges += Math.max(0, sum);
    else atLeast += sum;
  }
  return { atLeast, atMost: atLeast + atEdges };
}
