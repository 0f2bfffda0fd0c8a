import type { Frame } from './binder.ts';
import type { Predicate } from './evaluate.ts';
import type { Value } from './values.ts';

/** One source of FROM: for each row of the sources before it, the values that its alias takes in turn. */
export interface Level {
  readonly slot: number;
  readonly values: (frame: Frame) => readonly Value[];
  /** The part of the condition that is known once the alias has its value. */
  readonly filter: Predicate | undefined;
}

/** What looking at an element takes at the least, in the unit of `EFFORT_AT_ONCE`. */
const EFFORT_OF_STEP = 2;

/**
 * The rows that the sources of FROM make of each other, the last source fastest: what loops inside each
 * other would give, but able to stop anywhere and go on, also where an evaluation was put off. Sets the slots
 * of the frame.
 */
export class RowCursor {
  readonly #levels: readonly Level[];
  readonly #isResumed: boolean;
  readonly #values: (readonly Value[])[] = [];
  readonly #places: number[] = [];
  #depth = 0;
  #isDone = true;

  /** `isResumed`: whoever evaluates rows again goes on where they stand, and does not begin anew. */
  constructor(levels: readonly Level[], isResumed: boolean) {
    this.#levels = levels;
    this.#isResumed = isResumed;
  }

  /** Starts anew from what the frame holds. */
  begin(frame: Frame): true {
    this.#isDone = false;
    this.#depth = 0;
    this.#open(frame, 0);
    return true;
  }

  /** Goes to the next row; `busy` when none was found in so many steps: the next call goes on looking. */
  next(frame: Frame, stepsMax: number): 'row' | 'end' | 'busy' {
    const levels = this.#levels;
    if (levels.length === 0) {
      const isDone = this.#isDone;
      this.#isDone = true;
      return isDone ? 'end' : 'row';
    }
    const last = levels.length - 1;
    const { work } = frame;
    let steps = 0;
    for (; steps < stepsMax; ) {
      const depth = this.#depth;
      const level = levels[depth] as Level;
      const values = this.#values[depth] ?? [];
      const place = this.#places[depth] ?? 0;
      if (place >= values.length) {
        this.#depth = depth === 0 ? 0 : depth - 1;
        if (depth === 0) return 'end';
        continue;
      }
      frame.slots[level.slot] = values[place];
      steps++;
      work.effort += EFFORT_OF_STEP;
      const isRow = level.filter === undefined || level.filter(frame);
      if (isRow && depth < last) this.#open(frame, depth + 1);
      // Not before: when the filter or the next source is put off, this value is looked at again.
      this.#places[depth] = place + 1;
      if (this.#isResumed) work.commit();
      if (!isRow) continue;
      if (depth === last) return 'row';
      this.#depth = depth + 1;
    }
    return 'busy';
  }

  #open(frame: Frame, depth: number): void {
    const level = this.#levels[depth];
    if (level === undefined) return;
    this.#values[depth] = level.values(frame);
    this.#places[depth] = 0;
  }
}
