import { type Aggregate, findAggregate } from './aggregates.ts';
import type { QueryEnvironment } from './environment.ts';
import type { CallNode, Collection, NameNode } from './syntax.ts';
import { queryError } from './syntax-error.ts';
import type { Value } from './values.ts';

/** What evaluators read from: one is made for an execution and refilled for every row. */
export interface Frame {
  /** Values of the aliases of FROM, by slot. */
  readonly slots: Value[];
  /** Parameter values, by the binder's numbering. */
  readonly parameters: readonly Value[];
  /** Results of the aggregates, by the binder's numbering; empty while rows are read. */
  aggregates: readonly Value[];
  readonly environment: QueryEnvironment;
}

export type Evaluator = (frame: Frame) => Value;

export const ITEM_SLOT = 0;

/** An aggregate call of the query: rows feed `operand` to accumulators made by `aggregate`. */
export interface AggregateCall {
  readonly aggregate: Aggregate;
  readonly operand: Evaluator;
  /** It counts rows, whatever is in them: the rows need not be read. */
  readonly countsRows: boolean;
}

/** Where an expression stands, which decides what names and aggregates mean in it. */
type Place = 'row' | 'group' | 'aggregate';

/** Gives aliases, parameters and aggregates their slots while the expressions of one query are compiled. */
export class Binder {
  readonly #aliases: ReadonlyMap<string, number>;
  readonly #parameters = new Map<string, number>();
  readonly aggregates: AggregateCall[] = [];
  #place: Place = 'row';

  constructor(aliases: ReadonlyMap<string, number>) {
    this.#aliases = aliases;
  }

  /** Names of all parameters met, in the order of their numbers. */
  get parameterNames(): string[] {
    return [...this.#parameters.keys()];
  }

  parameterSlot(name: string): number {
    const known = this.#parameters.get(name);
    if (known !== undefined) return known;
    const slot = this.#parameters.size;
    this.#parameters.set(name, slot);
    return slot;
  }

  /** Whether the name stands for the item itself. */
  isItem(name: string): boolean {
    return this.#aliases.get(name) === ITEM_SLOT;
  }

  slotOf(node: NameNode | Extract<Collection, { kind: 'path' }>): number {
    const name = node.kind === 'name' ? node.name : node.root;
    const slot = this.#aliases.get(name);
    if (slot === undefined)
      throw queryError('SC2001', `Identifier '${name}' could not be resolved.`, node.location);
    if (this.#place === 'group') {
      const message =
        `Property reference '${name}' is invalid in the select list because it is not contained in ` +
        'an aggregate function or in the GROUP BY clause.';
      throw queryError('SC2102', message, node.location);
    }
    return slot;
  }

  /** Compiles with aggregates allowed, and with names allowed inside them only. */
  inGroup<T>(compile: () => T): T {
    return this.#at('group', compile);
  }

  /** The slot of an aggregate call; undefined when `node` is another function. */
  aggregateSlot(node: CallNode, compileOperand: () => Evaluator): number | undefined {
    const aggregate = node.isUserDefined ? undefined : findAggregate(node.name);
    if (aggregate === undefined) return undefined;
    if (this.#place !== 'group') {
      const where = this.#place === 'aggregate' ? 'inside another aggregate' : 'outside the select list';
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
    const isDefined =
      operand?.kind === 'name' || (operand?.kind === 'constant' && operand.value !== undefined);
    const countsRows = aggregate.name === 'COUNT' && isDefined;
    this.aggregates.push({ aggregate, countsRows, operand: this.#at('aggregate', compileOperand) });
    return this.aggregates.length - 1;
  }

  #at<T>(place: Place, compile: () => T): T {
    const outer = this.#place;
    this.#place = place;
    try {
      return compile();
    } finally {
      this.#place = outer;
    }
  }
}
