import { type Json, WeightedCache } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { isAggregateName } from './aggregates.ts';
import { type AggregateCall, Binder, type Evaluator, type Frame } from './binder.ts';
import { type Condition, findCondition } from './condition.ts';
import { type DocumentPath, pathOf } from './document-path.ts';
import type { QueryEnvironment } from './environment.ts';
import { compileExpression, compilePredicate, type Predicate } from './evaluate.ts';
import { parseQuery } from './parser.ts';
import { compileProjection, type Projection } from './projection.ts';
import type { QuerySpec } from './source.ts';
import { type CountNode, type Expression, partsOf, type Query } from './syntax.ts';
import { queryError, unsupported } from './syntax-error.ts';
import type { Value } from './values.ts';

/** One term of ORDER BY. */
export interface OrderKey {
  readonly evaluate: Evaluator;
  /** Undefined for anything but a property of the item. */
  readonly path: DocumentPath | undefined;
  readonly isDescending: boolean;
}

/** A query made ready to run against any container with any parameters; immutable, shared by executions. */
export interface CompiledQuery {
  readonly text: string;
  readonly tree: Query;
  readonly parameterNames: readonly string[];
  /** False for a query without FROM: it yields one row from nothing. */
  readonly readsItems: boolean;
  /** Undefined when every row is kept. */
  readonly predicate: Predicate | undefined;
  /** What of the predicate an index could answer. */
  readonly condition: Condition | undefined;
  readonly projection: Projection;
  /** Not empty: all rows become one. */
  readonly aggregates: readonly AggregateCall[];
  /** Empty when rows come in the order of insertion. */
  readonly order: readonly OrderKey[];
}

/**
 * Sum of the lengths of the texts that are kept compiled, in UTF-16 units; a tree is about 20 bytes per
 * unit.
 */
const CACHE_WEIGHT_MAX = 2_000_000;

const cache = new WeightedCache<string, CompiledQuery>(CACHE_WEIGHT_MAX);

/**
 * Parses and compiles, or finds what was compiled before.
 * @throws DatabaseError `BadRequest` for text that is no query, or one that cannot be executed.
 */
export function compileQuery(text: string): CompiledQuery {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const compiled = compileTree(text, parseQuery(text));
  // A floor under the weight keeps the number of tiny entries bounded too.
  cache.set(text, compiled, text.length + 200);
  return compiled;
}

/** The same without the cache. */
export function compileTree(text: string, tree: Query): CompiledQuery {
  refuseUnsupported(tree);
  const names = itemAliases(tree);
  const binder = new Binder(new Map([...names].map((name) => [name, 0])));
  const predicate = tree.where === undefined ? undefined : compilePredicate(tree.where, binder);
  const condition = tree.where === undefined ? undefined : findCondition(tree.where, names, binder);
  const compileSelection = () => compileProjection(tree.selection, names, binder);
  const projection = isAggregating(tree) ? binder.inGroup(compileSelection) : compileSelection();
  // One row needs no order, but the expressions must make sense all the same.
  const order = (tree.orderBy ?? []).map(({ expression, isDescending }) => ({
    evaluate: compileExpression(expression, binder),
    path: pathOf(expression, names),
    isDescending,
  }));
  for (const count of [tree.top, tree.offset, tree.limit]) {
    if (count?.kind === 'parameter') binder.parameterSlot(count.name);
  }
  return {
    text,
    tree,
    parameterNames: binder.parameterNames,
    readsItems: tree.from !== undefined,
    predicate,
    condition,
    projection,
    aggregates: binder.aggregates,
    order: binder.aggregates.length > 0 ? [] : order,
  };
}

/** Names by which expressions reach the item itself: its alias, and `root` always. */
export function itemAliases(tree: Pick<Query, 'from'>): Set<string> {
  const source = tree.from?.[0];
  if (source === undefined) return new Set();
  const root = source.collection.kind === 'path' ? source.collection.root : 'root';
  return new Set([source.alias ?? root, 'root']);
}

function refuseUnsupported(tree: Query): void {
  if (tree.isDistinct) throw unsupported('DISTINCT');
  if (tree.groupBy !== undefined) throw unsupported('GROUP BY');
  if (tree.isRanked) throw unsupported('ORDER BY RANK');
  refuseUnsupportedFrom(tree);
  if (tree.from === undefined && tree.selection.kind === 'star') {
    throw new DatabaseError('BadRequest', "'SELECT *' is not valid when the FROM clause is left out.");
  }
  if (tree.top !== undefined && tree.offset !== undefined) {
    throw new DatabaseError('BadRequest', 'A query cannot have both TOP and OFFSET LIMIT.');
  }
}

export function refuseUnsupportedFrom(tree: Pick<Query, 'from'>): void {
  const [source, joined] = tree.from ?? [];
  if (source === undefined) return;
  if (joined !== undefined) throw unsupported('JOIN');
  if (source.iterates) throw unsupported('IN in the FROM clause');
  if (source.collection.kind === 'subquery') throw unsupported('a subquery in the FROM clause');
  if (source.collection.path.length > 0) throw unsupported('a path in the FROM clause');
}

/** Whether the select list calls an aggregate; calls inside subqueries belong to those. */
export function isAggregating(tree: Query): boolean {
  const { selection } = tree;
  switch (selection.kind) {
    case 'star':
      return false;
    case 'value':
      return callsAggregate(selection.expression);
    case 'list':
      return selection.items.some((item) => callsAggregate(item.expression));
  }
}

export function callsAggregate(expression: Expression): boolean {
  if (expression.kind === 'call' && !expression.isUserDefined && isAggregateName(expression.name))
    return true;
  return partsOf(expression).some(callsAggregate);
}

/**
 * A frame for one execution, with the parameters in the compiled order; one that was not given is
 * undefined.
 */
export function frameFor(
  compiled: CompiledQuery,
  parameters: QuerySpec['parameters'],
  environment: QueryEnvironment,
): Frame {
  const values = new Map<string, Value>();
  for (const { name, value } of parameters) {
    if (isDeeperThan(value, PARAMETER_DEPTH_MAX)) {
      throw new DatabaseError('BadRequest', `The value of the parameter '${name}' is nested too deeply.`);
    }
    values.set(name, value);
  }
  return {
    slots: [undefined],
    parameters: compiled.parameterNames.map((name) => values.get(name)),
    aggregates: [],
    environment,
  };
}

/** Values are compared and written by recursion; items are bounded where they come in. */
const PARAMETER_DEPTH_MAX = 256;

function isDeeperThan(value: Json, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((part) => isDeeperThan(part, depth - 1));
}

/** Rows to leave out at the start, and the most to give after them. */
export interface Window {
  readonly skip: number;
  /** Infinity without a limit. */
  readonly take: number;
}

const COUNT_MAX = 2_147_483_647;

/**
 * What TOP, OFFSET and LIMIT ask for. @throws DatabaseError `BadRequest` when a parameter is no usable
 * count.
 */
export function windowOf(compiled: CompiledQuery, frame: Frame): Window {
  const { top, offset, limit } = compiled.tree;
  return {
    skip: countOf(offset, 'OFFSET', 'SC2062', compiled, frame) ?? 0,
    take:
      countOf(limit, 'LIMIT', 'SC2061', compiled, frame) ??
      countOf(top, 'TOP', 'SC2060', compiled, frame) ??
      Number.POSITIVE_INFINITY,
  };
}

function countOf(
  node: CountNode | undefined,
  clause: string,
  code: string,
  compiled: CompiledQuery,
  frame: Frame,
): number | undefined {
  if (node === undefined) return undefined;
  const value =
    node.kind === 'constant' ? node.value : frame.parameters[compiled.parameterNames.indexOf(node.name)];
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= COUNT_MAX) return value;
  throw queryError(code, `The ${clause} value must be an integer from 0 to ${COUNT_MAX}.`, node.location);
}
