import { DatabaseError } from '../errors/index.ts';
import type { Value } from './values.ts';

/** One call of a user-defined function, `udf.name(operands)`. */
export interface FunctionCall {
  readonly name: string;
  readonly operands: readonly Value[];
}

/**
 * Runs calls and gives their values in the same order. The functions are taken to be pure: calls that are
 * equal are made once. Rejects with the DatabaseError that the query is to fail with.
 */
export type FunctionCaller = (calls: readonly FunctionCall[]) => Promise<readonly Value[]>;

/** Values that are kept at once: those of a chunk of items, or of all items that are sorted. */
const VALUES_MAX = 200_000;

/** Thrown out of an expression whose value needs a call that has not been made yet. */
export class PendingCall extends Error {
  constructor() {
    super('the value of a call is not known yet');
  }
}

/**
 * Values of user-defined functions. They run elsewhere and take time, while expressions are evaluated at one
 * go: what is not known yet is noted and ends the evaluation, which is tried again once it is known.
 */
export class FunctionCalls {
  readonly #caller: FunctionCaller | undefined;
  #known = new Map<string, Value>();
  #wanted = new Map<string, FunctionCall>();

  /** Without a caller every call is refused. */
  constructor(caller: FunctionCaller | undefined) {
    this.#caller = caller;
  }

  /** @throws PendingCall when it has to be asked for first. */
  valueOf(name: string, operands: readonly Value[]): Value {
    if (this.#caller === undefined) {
      throw new DatabaseError('BadRequest', `The user-defined function udf.${name} cannot be called here.`);
    }
    // JSON has no undefined: null in a list of its own cannot be mistaken for it.
    const given = operands.map((operand) => (operand === undefined ? [] : [operand]));
    const key = `${name} ${JSON.stringify(given)}`;
    if (this.#known.has(key)) return this.#known.get(key);
    this.#wanted.set(key, { name, operands });
    throw new PendingCall();
  }

  /** Makes the calls that were asked for; false when there are none. */
  async makeCalls(): Promise<boolean> {
    const wanted = [...this.#wanted];
    if (wanted.length === 0 || this.#caller === undefined) return false;
    this.#wanted = new Map();
    if (this.#known.size + wanted.length > VALUES_MAX) {
      const message = `The query needs the values of more than ${VALUES_MAX} calls of functions at once.`;
      throw new DatabaseError('BadRequest', message);
    }
    const values = await this.#caller(wanted.map(([, call]) => call));
    wanted.forEach(([key], index) => {
      this.#known.set(key, values[index]);
    });
    return true;
  }

  /** Values that later rows are unlikely to need. */
  forget(): void {
    if (this.#known.size > 0) this.#known = new Map();
  }
}

/** For expressions that call none. */
export const NO_FUNCTIONS = new FunctionCalls(undefined);
