import { assert } from '../../base/index.ts';
import type { TermText } from './posting-block.ts';
import { type Fences, RunBuilder } from './posting-run.ts';
import { compareSigned, type SignedNumber } from './signed-numbers.ts';

/** Collects what a batch of changes means for an index, and makes a run of it. */
export class PostingGatherer {
  readonly #lists = new Map<TermText, SignedNumber[]>();

  /** How many postings were collected. */
  size = 0;

  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** The item `number` now has `term`. */
  add(term: TermText, number: number): void {
    this.#push(term, number);
  }

  /** The item `number`, which had `term`, no longer has it. */
  remove(term: TermText, number: number): void {
    this.#push(term, -1 - number);
  }

  #push(term: TermText, signed: SignedNumber): void {
    this.size++;
    const list = this.#lists.get(term);
    if (list === undefined) this.#lists.set(standalone(term), [signed]);
    else list.push(signed);
  }

  /** All of it as a run; `emit` gets the blocks in order. */
  build(emit: (place: number, block: Buffer) => void): { fences: Fences; bytes: number } {
    const builder = new RunBuilder(emit);
    for (const term of [...this.#lists.keys()].sort()) {
      const list = this.#lists.get(term) as SignedNumber[];
      if (!isRising(list)) list.sort(compareSigned);
      builder.add(term, list);
    }
    const fences = builder.finish();
    return { fences, bytes: builder.bytes };
  }
}

/** As long as a term may be. */
const scratch = Buffer.alloc(1_024);

/**
 * A term on its own. Where it was cut from a longer text, the engine keeps all of that for it, and takes
 * twice as long to compare it.
 */
function standalone(term: TermText): TermText {
  assert(term.length <= scratch.length, 'blocks are read by terms of 1,024 bytes at the most');
  return scratch.toString('latin1', 0, scratch.write(term, 'latin1'));
}

function isRising(list: readonly SignedNumber[]): boolean {
  for (let i = 1; i < list.length; i++) {
    if (compareSigned(list[i - 1] as number, list[i] as number) > 0) return false;
  }
  return true;
}
