import type { Steps } from '../base/index.ts';
import type { Frame } from './binder.ts';
import type { Block } from './block.ts';
import { DistinctRows, Groups } from './grouping.ts';
import { LATER } from './long-work.ts';
import { QueryMemory } from './query-memory.ts';
import { RowCursor } from './row-levels.ts';
import type { Value } from './values.ts';

/** Gives the rows of a query to `visit`, which ends it with false. */
export type RowVisitor = (row: Exclude<Value, undefined>) => boolean;

/** Reads the rows of a query inside a query for the row that is in the frame. */
export interface RowReader {
  /** At one go. `LATER` when that would take long: then what was visited does not count. */
  readonly read: (frame: Frame, visit: RowVisitor) => undefined | typeof LATER;
  /** In pieces. */
  readonly steps: (frame: Frame, visit: RowVisitor) => Steps<void>;
}

/** Elements looked at before asking whether it was enough. */
const STEPS_AT_ONCE = 512;
/** What making a row takes at the least, in the unit of effort. */
const EFFORT_OF_ROW = 6;

export function rowReader(block: Block): RowReader {
  // One evaluation at one go runs to its end before another can begin, so they can share what they need.
  const shared = new RowReading(block, false);
  const { grouping } = block;
  return {
    read(frame, visit) {
      const groups = grouping && new Groups(grouping, new QueryMemory());
      const give = emitter(block, frame, visit);
      shared.begin();
      if (shared.advance(frame, groups === undefined ? give : adder(groups, frame)) === 'busy') return LATER;
      for (const group of groups?.all() ?? []) {
        groups?.show(group, frame);
        if (!give()) return undefined;
        frame.work.effort += EFFORT_OF_ROW;
        if (frame.work.isDue) return LATER;
      }
      return undefined;
    },
    *steps(frame, visit) {
      const reading = new RowReading(block, true);
      const groups = grouping && new Groups(grouping, new QueryMemory());
      const give = emitter(block, frame, visit);
      const take = groups === undefined ? give : adder(groups, frame);
      reading.begin();
      const advance = () => reading.advance(frame, take);
      while ((yield* frame.work.settled(advance)) === 'busy') yield;
      let place = 0;
      for (const group of groups?.all() ?? []) {
        groups?.show(group, frame);
        if (!(yield* frame.work.settled(give))) return;
        if (++place % STEPS_AT_ONCE === 0) yield;
      }
    },
  };
}

/**
 * The rows that the sources of a query make, as they come; able to go on where an evaluation was put off.
 */
class RowReading {
  readonly #block: Block;
  readonly #isResumed: boolean;
  readonly #cursor: RowCursor;
  #isBegun = false;
  /** A row was found and not yet taken. */
  #hasRow = false;

  constructor(block: Block, isResumed: boolean) {
    this.#block = block;
    this.#isResumed = isResumed;
    this.#cursor = new RowCursor(block.levels, isResumed);
  }

  begin(): void {
    this.#isBegun = false;
    this.#hasRow = false;
  }

  /** Has rows taken; `busy` when it was enough for one go. */
  advance(frame: Frame, take: () => boolean): 'end' | 'busy' {
    const { work } = frame;
    if (!this.#isBegun) {
      const { predicate } = this.#block;
      if (predicate !== undefined && !predicate(frame)) return 'end';
      this.#cursor.begin(frame);
      this.#isBegun = true;
    }
    for (;;) {
      if (!this.#hasRow) {
        const found = this.#cursor.next(frame, STEPS_AT_ONCE);
        if (found === 'end') return 'end';
        this.#hasRow = found === 'row';
      }
      if (this.#hasRow) {
        if (!take()) return 'end';
        this.#hasRow = false;
        work.countRow();
        work.effort += EFFORT_OF_ROW;
        if (this.#isResumed) work.commit();
      }
      if (work.isDue) return 'busy';
    }
  }
}

function adder(groups: Groups, frame: Frame): () => boolean {
  return () => {
    groups.add(frame);
    return true;
  };
}

/** Makes a row of what the frame holds, unless it has no value or came before. */
function emitter(block: Block, frame: Frame, visit: RowVisitor): () => boolean {
  const distinct = block.isDistinct ? new DistinctRows(new QueryMemory(), block.site) : undefined;
  const { value } = block.projection;
  return () => {
    const row = value(frame);
    if (row === undefined || distinct?.add(row, frame) === false) return true;
    return visit(row);
  };
}
