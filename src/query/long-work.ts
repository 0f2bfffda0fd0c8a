/**
 * Evaluation by replay. Expressions are closures that run to their end, while what they do for one row may
 * take long: a function of a long text, a subquery over a large array. Such a piece of work is not done at
 * once but put off: an exception ends the evaluation, the loop over the rows does the work piece by piece
 * while others have their turn, notes its value, and evaluates the row again, where the value is found.
 * Expressions are pure, so the same calls come in the same order each time; what chance gave is noted too.
 */

import type { Steps } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { QueryMemory } from './query-memory.ts';
import type { Value } from './values.ts';

/**
 * Work that is done at one go, in elements or characters looked at (some 50 ns each): about a
 * millisecond.
 */
export const EFFORT_AT_ONCE = 16_384;

/** Rows of subqueries for one row of the query: bounds how much work a single row can make. */
const ROWS_MAX = 2_000_000;

/** Ends an evaluation that has to wait. Nobody looks at where it was thrown, so there is one for all. */
class Postponed extends Error {}
const POSTPONED = new Postponed('a part of the evaluation is put off');

/** In place of a result: it takes long, and has to be settled. */
export const LATER = Symbol('later');

interface Done {
  readonly value: Value;
  /** Rows of subqueries that it went through. */
  readonly rows: number;
}

/**
 * What is known of one evaluation that is done again: values by place in the text and number of the call.
 */
class Journal {
  // Replaced where others would clear them: see PartitionSource on what it met.
  #done = new Map<number, Map<number, Done>>();
  #calls = new Map<number, number>();

  /** From the start of the evaluation. */
  rewind(): void {
    if (this.#calls.size > 0) this.#calls = new Map();
  }

  /** What comes before will not be evaluated again. */
  forget(): void {
    if (this.#done.size > 0) this.#done = new Map();
    this.rewind();
  }

  /** Numbers the calls of one place in the text. */
  nextCall(site: number): number {
    const call = this.#calls.get(site) ?? 0;
    this.#calls.set(site, call + 1);
    return call;
  }

  find(site: number, call: number): Done | undefined {
    return this.#done.get(site)?.get(call);
  }

  keep(site: number, call: number, done: Done): void {
    let calls = this.#done.get(site);
    if (calls === undefined) {
      calls = new Map();
      this.#done.set(site, calls);
    }
    calls.set(call, done);
  }
}

interface Pending {
  readonly site: number;
  readonly call: number;
  readonly steps: Steps<Value>;
}

/** What the evaluations of one execution take, and what of it was put off. */
export class LongWork {
  /** Work since somebody asked, in the unit of `EFFORT_AT_ONCE`. */
  effort = 0;
  /** Rows that subqueries have gone through for the present row. */
  #rows = 0;
  /** As many before the evaluation that is made now. */
  #rowsBefore = 0;
  #memory: QueryMemory | undefined;
  #mayPostpone = false;
  #isReplay = false;
  /** This replay came further than the one before. */
  #hasNews = false;
  #journal: Journal | undefined;
  #pending: Pending | undefined;

  /** Evaluations that follow are for another row. */
  beginRow(): void {
    this.#rows = 0;
    this.#memory = undefined;
  }

  /** What the lists take that are made in pieces for the present row. */
  get memory(): QueryMemory {
    this.#memory ??= new QueryMemory();
    return this.#memory;
  }

  /** Counts a subquery's row. @throws DatabaseError `BadRequest` when a row of the query takes too many. */
  countRow(): void {
    this.#rows++;
    if (this.#rows <= ROWS_MAX) return;
    const message = `The subqueries go through more than ${ROWS_MAX} rows for a single row of the query.`;
    throw new DatabaseError('BadRequest', message);
  }

  /** What was noted of the present row is over: what is evaluated from here on stands behind it. */
  commit(): void {
    this.#journal?.forget();
    this.#rowsBefore = this.#rows;
  }

  /** Ends an evaluation that has done enough at one go. @throws Postponed to whoever can go on with it. */
  rest(): void {
    if (this.isDue) throw this.#postponed(undefined);
  }

  /** Whether what was done at one go is enough. */
  get isDue(): boolean {
    return this.effort > EFFORT_AT_ONCE && this.#mayPostpone;
  }

  /**
   * The value of a call at a place in the text (`Binder.newSite`). One of more than so much `effort` is done
   * by steps. @throws Postponed when it, or what was done before, is too much at one go.
   */
  valueOf(site: number, effort: number, atOnce: () => Value, start: () => Steps<Value>): Value {
    if (!this.#mayPostpone) return atOnce();
    if (!this.#isReplay || this.#journal === undefined) {
      this.effort += effort;
      // The first time it is not known which calls came before: that begins to be noted when it is replayed.
      if (this.effort > EFFORT_AT_ONCE) throw this.#postponed(undefined);
      return atOnce();
    }
    const call = this.#journal.nextCall(site);
    const done = this.#journal.find(site, call);
    if (done !== undefined) {
      this.#rows += done.rows;
      return done.value;
    }
    if (effort > EFFORT_AT_ONCE) throw this.#postponed({ site, call, steps: start() });
    // Without something new in the journal the next replay would only come to this place again.
    if (this.#hasNews && this.effort + effort > EFFORT_AT_ONCE) throw this.#postponed(undefined);
    this.effort += effort;
    const value = atOnce();
    this.#journal.keep(site, call, { value, rows: 0 });
    this.#hasNews = true;
    return value;
  }

  /**
   * The same of a query inside a query, whose effort is known only when it was made: `atOnce` gives `LATER`
   * when it gives up.
   */
  valueOfRows(site: number, atOnce: () => Value | typeof LATER, start: () => Steps<Value>): Value {
    if (!this.#isReplay || this.#journal === undefined) {
      const value = atOnce();
      if (value === LATER) throw this.#postponed(undefined);
      return value;
    }
    return this.valueOf(site, Number.POSITIVE_INFINITY, () => undefined, start);
  }

  /** Something that would be another when it is asked for again. */
  drawnAt(site: number, draw: () => Value): Value {
    if (!this.#mayPostpone) return draw();
    this.#journal ??= new Journal();
    const call = this.#journal.nextCall(site);
    const known = this.#journal.find(site, call);
    if (known !== undefined) return known.value;
    const value = draw();
    this.#journal.keep(site, call, { value, rows: 0 });
    return value;
  }

  #postponed(pending: Pending | undefined): Error {
    this.#pending = pending;
    return POSTPONED;
  }

  /** Evaluates what may be evaluated again; `LATER` when it takes long: then it has to be settled. */
  attempt<T>(evaluate: () => T): T | typeof LATER {
    this.#journal = undefined;
    this.#rowsBefore = this.#rows;
    this.#mayPostpone = true;
    try {
      return evaluate();
    } catch (error) {
      if (error !== POSTPONED) throw error;
      return LATER;
    } finally {
      this.#mayPostpone = false;
    }
  }

  /** Goes on with what an attempt has put off. */
  settle<T>(evaluate: () => T): Steps<T> {
    this.#rows = this.#rowsBefore;
    return this.#settle(evaluate, this.#journal ?? new Journal());
  }

  /** Evaluates, and does piece by piece what takes long; also inside of what was put off. */
  settled<T>(evaluate: () => T): Steps<T> {
    return this.#settle(evaluate, undefined);
  }

  *#settle<T>(evaluate: () => T, known: Journal | undefined): Steps<T> {
    let journal = known;
    const outerRows = this.#rowsBefore;
    this.#rowsBefore = this.#rows;
    try {
      for (;;) {
        this.#rows = this.#rowsBefore;
        this.effort = 0;
        const { result, made } = this.#within(journal, evaluate);
        if (result !== LATER) return result as T;
        const before = this.#rows;
        journal = made ?? new Journal();
        const pending = this.#pending;
        this.#pending = undefined;
        yield;
        if (pending === undefined) continue;
        const value = yield* pending.steps;
        journal.keep(pending.site, pending.call, { value, rows: this.#rows - before });
      }
    } finally {
      this.#rowsBefore = outerRows;
    }
  }

  /** One evaluation with a journal of its own; without one it is the first. */
  #within<T>(journal: Journal | undefined, evaluate: () => T) {
    const outer = [this.#journal, this.#isReplay, this.#mayPostpone] as const;
    journal?.rewind();
    this.#journal = journal;
    this.#isReplay = journal !== undefined;
    this.#hasNews = false;
    this.#mayPostpone = true;
    let result: T | typeof LATER = LATER;
    let made = journal;
    try {
      result = evaluate();
    } catch (error) {
      if (error !== POSTPONED) throw error;
    } finally {
      made = this.#journal;
      [this.#journal, this.#isReplay, this.#mayPostpone] = outer;
    }
    return { result, made };
  }
}
