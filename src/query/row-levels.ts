import { DatabaseError } from '../errors/index.ts';
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

/** Rows of subqueries for one row of the query: bounds how long other requests wait. */
const STEPS_MAX = 2_000_000;

/** Counts a subquery's row. @throws DatabaseError `BadRequest` when a row of the query takes too many. */
export function countStep(frame: Frame): void {
  frame.steps++;
  if (frame.steps <= STEPS_MAX) return;
  const message = `The subqueries go through more than ${STEPS_MAX} rows for a single row of the query.`;
  throw new DatabaseError('BadRequest', message);
}

/**
 * The rows that the sources of FROM make of each other, the last source fastest: what loops inside each
 * other would give, but able to stop anywhere and go on. Sets the slots of the frame.
 */
export class RowCursor {
  readonly #levels: readonly Level[];
  readonly #values: (readonly Value[])[] = [];
  readonly #places: number[] = [];
  #depth = 0;
  #isDone = true;

  constructor(levels: readonly Level[]) {
    this.#levels = levels;
  }

  /** Starts anew from what the frame holds. */
  begin(frame: Frame): void {
    this.#isDone = false;
    this.#depth = 0;
    this.#open(frame, 0);
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
    let depth = this.#depth;
    for (let steps = 0; steps < stepsMax; ) {
      const level = levels[depth] as Level;
      const values = this.#values[depth] ?? [];
      const place = this.#places[depth] ?? 0;
      if (place >= values.length) {
        this.#depth = depth === 0 ? 0 : depth - 1;
        if (depth === 0) return 'end';
        depth--;
        continue;
      }
      this.#places[depth] = place + 1;
      frame.slots[level.slot] = values[place];
      steps++;
      if (level.filter !== undefined && !level.filter(frame)) continue;
      this.#depth = depth;
      if (depth === last) return 'row';
      depth++;
      this.#open(frame, depth);
    }
    this.#depth = depth;
    return 'busy';
  }

  #open(frame: Frame, depth: number): void {
    const level = this.#levels[depth];
    if (level === undefined) return;
    this.#values[depth] = level.values(frame);
    this.#places[depth] = 0;
  }
}
