import type { Steps } from '../base/index.ts';
import type { Frame } from './binder.ts';
import type { CompiledQuery } from './compiled-query.ts';
import { RowCursor } from './row-levels.ts';
import { PendingCall } from './user-functions.ts';

/** Rows gone through between two moments at which others may have their turn. */
const ROWS_PER_STEP = 128;

/**
 * Finds which calls of user-defined functions the rows of a query need: goes through them as if they were
 * given, until nothing is asked for any more. A call may need the value of another: there can be several
 * rounds.
 */
export class NeededCalls {
  readonly #compiled: CompiledQuery;
  readonly #frame: Frame;

  constructor(compiled: CompiledQuery, frame: Frame) {
    this.#compiled = compiled;
    this.#frame = frame;
  }

  /** Evaluates all that the rows of the present item need, as far as it is known. */
  *rowSteps(stepsMax: number): Steps<void> {
    const { predicate, reader, projection } = this.#compiled;
    const frame = this.#frame;
    const { keys = [], aggregates = [] } = reader.grouping ?? {};
    const cursor = new RowCursor(reader.levels, true);
    frame.work.beginRow();
    const isKept = yield* this.#attempt(() => predicate === undefined || predicate(frame));
    if (isKept !== true) return;
    const isBegun = yield* this.#attempt(() => cursor.begin(frame));
    if (isBegun !== true) return;
    for (let looks = 1; ; looks++) {
      const found = yield* this.#attempt(() => cursor.next(frame, stepsMax));
      if (found === 'end' || found === undefined) return;
      if (found === 'busy' || looks % ROWS_PER_STEP === 0) yield;
      if (found !== 'row') continue;
      for (const { evaluate } of keys) yield* this.#attempt(() => evaluate(frame));
      for (const { operand } of aggregates) yield* this.#attempt(() => operand(frame));
      if (reader.grouping === undefined) yield* this.#attempt(() => projection.value(frame));
    }
  }

  /** The same for the group that expressions see. */
  *groupSteps(): Steps<void> {
    yield* this.#attempt(() => this.#compiled.projection.value(this.#frame));
  }

  /** Undefined when a call has to be made first. */
  *#attempt<T>(evaluate: () => T): Steps<T | undefined> {
    try {
      return yield* this.#frame.work.settled(evaluate);
    } catch (error) {
      if (!(error instanceof PendingCall)) throw error;
      return undefined;
    }
  }
}
