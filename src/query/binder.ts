import { assert, StepCounter, type Steps } from '../base/index.ts';
import { type Aggregate, findAggregate } from './aggregates.ts';
import { type DocumentPath, pathOf } from './document-path.ts';
import type { QueryEnvironment } from './environment.ts';
import type { LongWork } from './long-work.ts';
import { printExpression } from './printer.ts';
import type { CallNode, Expression, SubqueryNode } from './syntax.ts';
import { type Location, queryError } from './syntax-error.ts';
import type { FunctionCalls } from './user-functions.ts';
import type { Value } from './values.ts';

/** What evaluators read from: one is made for an execution and refilled for every row. */
export interface Frame {
  /** Values of aliases, group keys and aggregates, by the binder's numbering; the item is in slot 0. */
  readonly slots: Value[];
  /** Parameter values, by the binder's numbering. */
  readonly parameters: readonly Value[];
  readonly environment: QueryEnvironment;
  readonly functions: FunctionCalls;
  readonly work: LongWork;
}

export type Evaluator = (frame: Frame) => Value;

export const ITEM_SLOT = 0;

/** Expressions compiled before others are asked whether they have waited: a fraction of a millisecond. */
const EXPRESSIONS_PER_STEP = 128;

/** An aggregate call of a query: rows feed `operand` to accumulators made by `aggregate`. */
export interface AggregateCall {
  readonly aggregate: Aggregate;
  readonly operand: Evaluator;
  /** What `operand` was made of. */
  readonly expression: Expression;
  /** It counts rows, whatever is in them: the rows need not be read. */
  readonly countsRows: boolean;
  /** The property of the item that it is of; undefined when it is of something else. */
  readonly path: DocumentPath | undefined;
  /** Where its result is read from. */
  readonly slot: number;
}

/** An expression of GROUP BY; rows with equal values are one group. */
export interface GroupKey {
  readonly evaluate: Evaluator;
  /** Where the group's value is read from. */
  readonly slot: number;
}

/** Where an expression stands, which decides what names and aggregates mean in it. */
type Place = 'row' | 'group' | 'aggregate';

/** What one SELECT with its clauses names; subqueries see the scopes around them. */
interface Scope {
  readonly outer: Scope | undefined;
  readonly aliases: Map<string, number>;
  readonly aggregates: AggregateCall[];
  /** Slots of group keys by their text. */
  readonly keys: Map<string, number>;
  place: Place;
  /** A name of a scope further out was used. */
  isCorrelated: boolean;
}

function scopeIn(outer: Scope | undefined): Scope {
  return {
    outer,
    aliases: new Map(),
    aggregates: [],
    keys: new Map(),
    place: 'row',
    isCorrelated: false,
  };
}

/** Compiles subqueries in expressions; passed in, since queries and expressions contain each other. */
export type SubqueryCompiler = (node: SubqueryNode, binder: Binder) => Steps<Evaluator>;

/** Gives aliases, parameters and aggregates their slots while the expressions of one query are compiled. */
export class Binder {
  /** Of expressions compiled; for those who compile many. */
  readonly steps = new StepCounter(EXPRESSIONS_PER_STEP);
  readonly #subquerySteps: SubqueryCompiler | undefined;
  /** Large expressions are compiled part by part. */
  readonly isPiecemeal: boolean;
  /** Parts that were compiled, for those that they are parts of. */
  readonly #prepared = new Map<Expression, Evaluator>();
  readonly #parameters = new Map<string, number>();
  #scope = scopeIn(undefined);
  #slotCount = ITEM_SLOT + 1;
  #siteCount = 0;

  /** Without a compiler of subqueries there must be none. */
  constructor(subquerySteps?: SubqueryCompiler, isPiecemeal = false) {
    this.#subquerySteps = subquerySteps;
    this.isPiecemeal = isPiecemeal;
  }

  preparedOf(expression: Expression): Evaluator | undefined {
    return this.isPiecemeal ? this.#prepared.get(expression) : undefined;
  }

  prepare(expression: Expression, evaluator: Evaluator): void {
    this.#prepared.set(expression, evaluator);
  }

  /** Names of all parameters met, in the order of their numbers. */
  get parameterNames(): string[] {
    return [...this.#parameters.keys()];
  }

  /** Slots that a frame needs. */
  get slotCount(): number {
    return this.#slotCount;
  }

  /** Aggregates of the query being compiled, without those of its subqueries. */
  get aggregates(): readonly AggregateCall[] {
    return this.#scope.aggregates;
  }

  /** Numbers a place in the text whose calls may take long. */
  newSite(): number {
    return this.#siteCount++;
  }

  newSlot(): number {
    return this.#slotCount++;
  }

  parameterSlot(name: string): number {
    const known = this.#parameters.get(name);
    if (known !== undefined) return known;
    const slot = this.#parameters.size;
    this.#parameters.set(name, slot);
    return slot;
  }

  /** Compiles in a scope of its own, which sees the names around it; tells whether it made use of any. */
  *nested<T>(compile: () => Steps<T>): Steps<{ result: T; isCorrelated: boolean }> {
    const outer = this.#scope;
    const inner = scopeIn(outer);
    this.#scope = inner;
    try {
      return { result: yield* compile(), isCorrelated: inner.isCorrelated };
    } finally {
      this.#scope = outer;
    }
  }

  /** Names a slot in the query being compiled. @throws DatabaseError `BadRequest` when the name is taken. */
  declare(name: string, slot: number, location: Location): void {
    const { aliases } = this.#scope;
    if (aliases.has(name)) {
      const message = `The input alias '${name}' is specified more than once in the FROM clause.`;
      throw queryError('SC2011', message, location);
    }
    aliases.set(name, slot);
  }

  /** Whether the query being compiled, not one around it, has the name. */
  isDeclared(name: string): boolean {
    return this.#scope.aliases.has(name);
  }

  isKnown(name: string): boolean {
    for (let scope: Scope | undefined = this.#scope; scope !== undefined; scope = scope.outer) {
      if (scope.aliases.has(name)) return true;
    }
    return false;
  }

  /** Whether the name stands for the item itself. */
  isItem(name: string): boolean {
    for (let scope: Scope | undefined = this.#scope; scope !== undefined; scope = scope.outer) {
      const slot = scope.aliases.get(name);
      if (slot !== undefined) return slot === ITEM_SLOT;
    }
    return false;
  }

  slotOf(name: string, location: Location): number {
    let scope: Scope | undefined = this.#scope;
    for (; scope !== undefined; scope = scope.outer) {
      const slot = scope.aliases.get(name);
      if (slot === undefined) continue;
      if (scope.place === 'group') {
        const message =
          `Property reference '${name}' is invalid in the select list because it is not contained in ` +
          'an aggregate function or in the GROUP BY clause.';
        throw queryError('SC2102', message, location);
      }
      this.#markCorrelated(scope);
      return slot;
    }
    throw queryError('SC2001', `Identifier '${name}' could not be resolved.`, location);
  }

  /** Every scope between here and the one that has the name depends on something outside it. */
  #markCorrelated(owner: Scope): void {
    for (let scope: Scope | undefined = this.#scope; scope !== owner; scope = scope?.outer) {
      assert(scope !== undefined, 'a name is found in this scope or one around it');
      scope.isCorrelated = true;
    }
  }

  /** Compiles with aggregates allowed, and with names allowed inside them and in group keys only. */
  *inGroup<T>(compile: () => Steps<T>): Steps<T> {
    const scope = this.#scope;
    const outer = scope.place;
    scope.place = 'group';
    try {
      return yield* compile();
    } finally {
      scope.place = outer;
    }
  }

  /** Makes an expression of GROUP BY known to what is compiled next. */
  addGroupKey(expression: Expression, evaluate: Evaluator): GroupKey {
    const slot = this.newSlot();
    this.#scope.keys.set(printExpression(expression), slot);
    return { evaluate, slot };
  }

  /** The slot of a group key that `expression` spells again; undefined when it is none. */
  groupKeySlot(expression: Expression): number | undefined {
    const { place, keys } = this.#scope;
    if (place !== 'group' || keys.size === 0) return undefined;
    return keys.get(printExpression(expression));
  }

  subquerySteps(node: SubqueryNode): Steps<Evaluator> {
    assert(this.#subquerySteps !== undefined, 'whoever compiles subqueries brings their compiler');
    return this.#subquerySteps(node, this);
  }

  /** The slot of an aggregate call; undefined when `node` is another function. */
  aggregateSlot(node: CallNode, compileOperand: () => Evaluator): number | undefined {
    const aggregate = node.isUserDefined ? undefined : findAggregate(node.name);
    if (aggregate === undefined) return undefined;
    if (this.#scope.place !== 'group') {
      const where =
        this.#scope.place === 'aggregate' ? 'inside another aggregate' : 'outside the select list';
      throw queryError(
        'SC2101',
        `The aggregate function ${node.name} cannot be used ${where}.`,
        node.location,
      );
    }
    if (node.operands.length !== 1) {
      throw queryError('SC2050', `The ${node.name} function requires 1 argument(s).`, node.location);
    }
    const [operand] = node.operands;
    // What stands in FROM is always there.
    const isDefined =
      operand?.kind === 'name' || (operand?.kind === 'constant' && operand.value !== undefined);
    const countsRows = aggregate.name === 'COUNT' && isDefined;
    const path = operand && pathOf(operand, { has: (name) => this.isItem(name) });
    assert(operand !== undefined, 'the number of operands was checked');
    const slot = this.newSlot();
    const { aggregates } = this.#scope;
    aggregates.push({
      ...{ aggregate, countsRows, path, slot },
      ...{ expression: operand, operand: this.#at('aggregate', compileOperand) },
    });
    return slot;
  }

  #at<T>(place: Place, compile: () => T): T {
    const scope = this.#scope;
    const outer = scope.place;
    scope.place = place;
    try {
      return compile();
    } finally {
      scope.place = outer;
    }
  }
}
