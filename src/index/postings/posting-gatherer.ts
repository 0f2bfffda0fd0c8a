import { assert, sortInTurns } from '../../base/index.ts';
import { PATH_ID_BYTES } from '../path-id.ts';
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

  /** All of it as a run; `emit` gets the blocks in order. `turn` lets others run. */
  async build(
    emit: (place: number, block: Buffer) => void,
    turn: () => Promise<void>,
  ): Promise<{ fences: Fences; bytes: number }> {
    const builder = new RunBuilder(emit);
    let sinceTurn = 0;
    for (const terms of await this.#sortedTerms(turn)) {
      for (const term of terms) {
        const list = this.#lists.get(term) as SignedNumber[];
        if (!isRising(list)) list.sort(compareSigned);
        builder.add(term, list);
        sinceTurn += list.length;
        if (sinceTurn < POSTINGS_PER_TURN) continue;
        sinceTurn = 0;
        await turn();
      }
    }
    const fences = builder.finish();
    return { fences, bytes: builder.bytes };
  }

  /** Terms path by path: those of one path are fewer, and compared without their common beginning. */
  async #sortedTerms(turn: () => Promise<void>): Promise<readonly TermText[][]> {
    const byPath = new Map<TermText, TermText[]>();
    for (const term of this.#lists.keys()) {
      const path = term.slice(0, PATH_ID_BYTES);
      const terms = byPath.get(path);
      if (terms === undefined) byPath.set(path, [term]);
      else terms.push(term);
    }
    const sorted: TermText[][] = [];
    for (const path of [...byPath.keys()].sort()) {
      const terms = byPath.get(path) as TermText[];
      sorted.push(
        terms.length > SORTED_AT_ONCE ? await sortInTurns(terms, compareTerms, turn) : terms.sort(),
      );
      await turn();
    }
    return sorted;
  }
}

/** Postings put into blocks before others are asked whether they have waited. */
const POSTINGS_PER_TURN = 512;
/** Terms of one path that are sorted at one go. */
const SORTED_AT_ONCE = 4_096;

function compareTerms(a: TermText, b: TermText): number {
  return a < b ? -1 : 1;
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
