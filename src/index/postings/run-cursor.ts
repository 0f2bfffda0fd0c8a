import { type EntryGroup, PostingBlock, type TermText } from './posting-block.ts';
import { blocksBefore, type Fences } from './posting-run.ts';
import { numberIn, type SignedNumber } from './signed-numbers.ts';

/** Which postings are wanted, and in which order. */
export interface PostingRange {
  readonly from: TermText;
  /** Exclusive. */
  readonly to: TermText;
  /** From the end to the beginning, numbers within a term too. */
  readonly reverse?: boolean;
  /** Only what comes after it, in the order of reading; its term is in the range. */
  readonly after?: { readonly term: TermText; readonly number: number };
}

/**
 * Walks the postings of one run. It reads nothing itself: when it needs a block, `wanted` says which, and it
 * goes on once `supply` has brought it. At the head stands an entry: a term and its numbers, those of a
 * reversed range falling.
 */
export class RunCursor {
  /** The block it needs; undefined while it has a head, and at its end. */
  wanted: number | undefined;
  /** Undefined while a block is wanted, and at the end. */
  term: TermText | undefined;
  /** Whether the next block may have further numbers of the term. */
  goesOn = false;
  /** Signed numbers at the head; the reader may take from it by moving `place`. */
  numbers: SignedNumber[] = [];
  place = 0;
  readonly #fences: Fences;
  readonly #range: PostingRange;
  readonly #reverse: boolean;
  /** The first block that is of no use any more, in the direction of reading. */
  readonly #endBlock: number;
  #blockPlace: number;
  #block: PostingBlock | undefined;
  #group: EntryGroup | undefined;
  #groupPlace = 0;
  #entry = 0;

  constructor(fences: Fences, range: PostingRange) {
    this.#fences = fences;
    this.#range = range;
    this.#reverse = range.reverse === true;
    const { after } = range;
    const low = { term: range.from, number: -1 };
    const high = { term: range.to, number: -1 };
    if (this.#reverse) {
      this.#blockPlace = blocksBefore(fences, after ?? high, false) - 1;
      this.#endBlock = Math.max(0, blocksBefore(fences, low, false) - 1) - 1;
    } else {
      this.#blockPlace = Math.max(0, blocksBefore(fences, after ?? low, after !== undefined) - 1);
      this.#endBlock = blocksBefore(fences, high, false);
    }
    this.#wantBlock();
  }

  /** Blocks that will be wanted, the next first. */
  *upcoming(count: number): Generator<number> {
    const step = this.#reverse ? -1 : 1;
    for (let i = 0, block = this.#blockPlace; i < count && block !== this.#endBlock; i++, block += step) {
      if (block < 0 || block >= this.#fences.terms.length) return;
      yield block;
    }
  }

  /** Brings the block that was wanted. */
  supply(bytes: Buffer): void {
    const block = new PostingBlock(bytes);
    const isFirst = this.#block === undefined;
    this.#block = block;
    this.wanted = undefined;
    this.#groupPlace = this.#reverse ? block.groupCount - 1 : 0;
    if (isFirst) this.#seek(block);
    else this.#enterGroup(block);
    this.#settle();
  }

  /** Goes to the next entry. */
  advance(): void {
    this.#step();
    this.#settle();
  }

  #seek(block: PostingBlock): void {
    const { from, to, after } = this.#range;
    // A group's last entries may lie behind the place: those are passed by, one by one.
    const target = after?.term ?? (this.#reverse ? to : from);
    this.#groupPlace = block.groupBefore(this.#reverse && after !== undefined ? `${target}\0` : target);
    this.#enterGroup(block);
  }

  #enterGroup(block: PostingBlock): void {
    this.#group = block.readGroup(this.#groupPlace);
    this.#entry = this.#reverse ? this.#group.terms.length - 1 : 0;
  }

  /** Moves by one entry, to the next group or block where it must. */
  #step(): void {
    const block = this.#block;
    const group = this.#group;
    if (block === undefined || group === undefined) return;
    this.#entry += this.#reverse ? -1 : 1;
    if (this.#entry >= 0 && this.#entry < group.terms.length) return;
    this.#groupPlace += this.#reverse ? -1 : 1;
    if (this.#groupPlace >= 0 && this.#groupPlace < block.groupCount) {
      this.#enterGroup(block);
      return;
    }
    this.#group = undefined;
    this.#blockPlace += this.#reverse ? -1 : 1;
    this.#wantBlock();
  }

  #wantBlock(): void {
    const isThere = this.#reverse ? this.#blockPlace > this.#endBlock : this.#blockPlace < this.#endBlock;
    this.wanted = isThere ? this.#blockPlace : undefined;
  }

  /** Passes by what is out of range, and shows the entry where it stands. */
  #settle(): void {
    const { from, to } = this.#range;
    for (;;) {
      const term = this.#group?.terms[this.#entry];
      if (term === undefined) break;
      if (this.#reverse ? term < from : term >= to) {
        this.#group = undefined;
        break;
      }
      if ((this.#reverse ? term < to : term >= from) && this.#show(term)) return;
      this.#step();
    }
    this.term = undefined;
    this.numbers = [];
    this.place = 0;
  }

  /** False when nothing of the entry is left after the place to start from. */
  #show(term: TermText): boolean {
    const { after } = this.#range;
    if (after !== undefined && (this.#reverse ? term > after.term : term < after.term)) return false;
    const numbers = this.#block?.readList(this.#group?.listPlaces[this.#entry] as number) ?? [];
    let place = 0;
    if (this.#reverse) numbers.reverse();
    if (after !== undefined && term === after.term) {
      place = numbers.findIndex((signed) =>
        this.#reverse ? numberIn(signed) < after.number : numberIn(signed) > after.number,
      );
      if (place < 0) return false;
    }
    this.term = term;
    this.goesOn = this.#isAtEdge() && this.#fences.terms[this.#blockPlace + (this.#reverse ? 0 : 1)] === term;
    this.numbers = numbers;
    this.place = place;
    return true;
  }

  /** Whether the entry is the last of its block, in the direction of reading. */
  #isAtEdge(): boolean {
    if (this.#reverse) return this.#entry === 0 && this.#groupPlace === 0;
    return (
      this.#entry === (this.#group?.terms.length ?? 0) - 1 &&
      this.#groupPlace === (this.#block?.groupCount ?? 0) - 1
    );
  }
}
