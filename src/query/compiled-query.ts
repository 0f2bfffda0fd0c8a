import { finish, finishInTurns, type Steps, WeightedCache } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { type AggregateCall, Binder, type Frame } from './binder.ts';
import { type Block, blockSteps, isGathering, itemAliases, itemQuery, subquerySteps } from './block.ts';
import { type ColumnPaths, columnPaths } from './column-paths.ts';
import type { Condition } from './condition.ts';
import { conditionSteps, findCondition } from './condition-finder.ts';
import { pathOf } from './document-path.ts';
import { itemPathNames, namesWithin } from './element-condition.ts';
import type { QueryEnvironment } from './environment.ts';
import { compileExpression, type Predicate } from './evaluate.ts';
import { LongWork } from './long-work.ts';
import type { OrderKey } from './order-key.ts';
import { parseInTurns, parseQuery, TEXT_AT_ONCE } from './parser.ts';
import { printQuery } from './printer.ts';
import { outputNames, type Projection } from './projection.ts';
import { compileRanking, type Ranking } from './ranking.ts';
import type { QuerySpec } from './source.ts';
import {
  type Collection,
  type CountNode,
  type Expression,
  forEachNode,
  forEachPart,
  type Query,
} from './syntax.ts';
import { queryError, unsupported } from './syntax-error.ts';
import { NO_FUNCTIONS } from './user-functions.ts';
import { isDeeperThan, VALUE_DEPTH_MAX, type Value } from './values.ts';

/** A query made ready to run against any container with any parameters; immutable, shared by executions. */
export interface CompiledQuery {
  readonly text: string;
  /** What continuations are bound to. */
  readonly placeText: string;
  readonly tree: Query;
  readonly parameterNames: readonly string[];
  readonly slotCount: number;
  /** False for a query without FROM: it yields one row from nothing. */
  readonly readsItems: boolean;
  /** The query itself, as it makes rows. */
  readonly block: Block;
  /** Expressions and their parts, which may all be evaluated for a row. */
  readonly expressionCount: number;
  /** The one that reads the items: `block`, or a query in its FROM that has to be read to its end first. */
  readonly reader: Block;
  /** What an item alone must satisfy, whatever rows come of it; undefined when that is nothing. */
  readonly predicate: Predicate | undefined;
  /** What of the whole condition an index could answer. */
  readonly condition: Condition | undefined;
  readonly projection: Projection;
  /** Rows exist only when all items were read: they are groups, or made of rows that are DISTINCT. */
  readonly isGathering: boolean;
  /** Properties that are all it needs of an item; undefined when it needs more. */
  readonly columns: ColumnPaths | undefined;
  /** Aggregates of the query, without those of its subqueries. */
  readonly aggregates: readonly AggregateCall[];
  /** Of calls of COUNTIF over items: what an index could answer of what they count. */
  readonly counted: ReadonlyMap<AggregateCall, Condition>;
  /** Whether rows need values of user-defined functions. */
  readonly callsFunctions: boolean;
  /** Empty when rows come in the order of insertion. */
  readonly order: readonly OrderKey[];
  /** Undefined unless the order is that of a score. */
  readonly ranking: Ranking | undefined;
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

/**
 * Makes sure that `compileQuery` finds a long text compiled, and lets others run meanwhile; undefined when
 * there is nothing to wait for. Rejects as `compileQuery` throws.
 */
export function prepareQuery(text: string, turn: () => Promise<void>): Promise<void> | undefined {
  if (cache.get(text) !== undefined) return undefined;
  return parseInTurns(text, turn)?.then(async (tree) => {
    cache.set(text, await finishInTurns(compileSteps(text, tree), turn), text.length + 200);
  });
}

/** Of the rows that clients put in order. */
const ORDERED_ROW_NAMES = ['_rid', 'orderByItems', 'payload'];

/** The same without the cache. */
export function compileTree(text: string, tree: Query): CompiledQuery {
  return finish(compileSteps(text, tree));
}

export function* compileSteps(text: string, tree: Query): Steps<CompiledQuery> {
  refuseUnsupported(tree);
  const binder = new Binder(subquerySteps, text.length > TEXT_AT_ONCE);
  const block = yield* blockSteps(tree, binder, { readsItem: true });
  const expressionCount = binder.steps.total;
  yield;
  const { reader, readerTree } = readerOf(tree, block);
  const condition = yield* conditionOf(readerTree, binder);
  yield;
  const order = compileOrder(tree, binder);
  const ranking = compileRanking(tree, binder);
  for (const count of [tree.top, tree.offset, tree.limit]) {
    if (count?.kind === 'parameter') binder.parameterSlot(count.name);
  }
  const { aggregates = [], keys = [] } = block.grouping ?? {};
  yield;
  const columns = columnPaths(tree, itemAliases(tree));
  yield;
  const callsFunctions = checkFunctionCalls(tree, block) > 0;
  yield;
  const isOneRow = block.grouping !== undefined && keys.length === 0;
  return {
    text,
    placeText: placeTextOf(text, tree),
    tree,
    parameterNames: binder.parameterNames,
    slotCount: binder.slotCount,
    readsItems: itemQuery(tree).from !== undefined,
    block,
    expressionCount,
    reader,
    predicate: reader.predicate,
    condition,
    projection: block.projection,
    isGathering: isGathering(block),
    columns,
    aggregates,
    counted: countedConditions(tree, aggregates, binder),
    callsFunctions,
    // One row needs no order, but the expressions must make sense all the same.
    order: isOneRow ? [] : order,
    ranking: isOneRow ? undefined : ranking,
  };
}

/**
 * The text; but of what a client was told to run for an order, all except the condition: a client that goes
 * on from a token of its own writes there what it knows of the order, and sends the range's token with it.
 */
function placeTextOf(text: string, tree: Query): string {
  const { selection, orderBy } = tree;
  if (orderBy === undefined || selection.kind !== 'list') return text;
  const names = outputNames(selection.items);
  return names.join() === ORDERED_ROW_NAMES.join() ? printQuery({ ...tree, where: undefined }) : text;
}

/** The service publishes this limit. */
const FUNCTION_CALLS_MAX = 10;

/** How many calls of user-defined functions the text has. */
function checkFunctionCalls(tree: Query, block: Block): number {
  let count = 0;
  forEachNode(tree, (node) => {
    if (node.kind !== 'call' || !node.isUserDefined) return;
    count++;
    if (count <= FUNCTION_CALLS_MAX) return;
    const message = `A query has at most ${FUNCTION_CALLS_MAX} calls of user-defined functions.`;
    throw queryError('SC1001', message, node.location);
  });
  if (count > 0 && block.inner !== undefined) {
    throw unsupported('a user-defined function beside a query in FROM that groups or is DISTINCT');
  }
  return count;
}

function compileOrder({ from, orderBy = [], isRanked }: Query, binder: Binder): OrderKey[] {
  // Each score becomes a query of its own, which the client sends: see hybrid-plan.ts.
  if (isRanked) {
    const note = (node: Expression | Collection) => {
      if (node.kind === 'parameter') binder.parameterSlot(node.name);
    };
    for (const { expression } of orderBy) forEachPart(expression, note);
    return [];
  }
  const names = itemAliases({ from });
  return orderBy.map(({ expression, isDescending, location, computed }) => ({
    evaluate: compileExpression(expression, binder),
    path: computed === undefined ? pathOf(expression, names) : [computed],
    isComputed: computed !== undefined,
    isDescending,
    location,
  }));
}

/** The query whose FROM does not have to be read to its end before there are rows. */
function readerOf(tree: Query, block: Block): { reader: Block; readerTree: Query } {
  const collection = tree.from?.[0]?.collection;
  if (block.inner === undefined || collection?.kind !== 'subquery')
    return { reader: block, readerTree: tree };
  return readerOf(collection.query, block.inner.block);
}

function* conditionOf(tree: Query, binder: Binder): Steps<Condition | undefined> {
  const innermost = itemQuery(tree);
  const { where } = innermost;
  const narrowed = where && (yield* conditionOn(where, innermost, binder));
  if (innermost === tree) return narrowed;
  // Its rows go through the conditions of the queries around it, too.
  return narrowed === undefined ? { kind: 'opaque' } : { kind: 'opaque', narrowed };
}

function countedConditions(
  tree: Query,
  aggregates: readonly AggregateCall[],
  binder: Binder,
): ReadonlyMap<AggregateCall, Condition> {
  const names = itemPathNames(itemAliases(tree));
  const calls = aggregates.filter(({ aggregate }) => aggregate.name === 'COUNTIF');
  return new Map(calls.map((call) => [call, findCondition(call.expression, names, binder)]));
}

/** What a condition on rows demands of their item. */
function* conditionOn(where: Expression, { from = [] }: Query, binder: Binder): Steps<Condition> {
  const [first] = from;
  const ofItem = itemPathNames(itemAliases({ from }));
  if (first === undefined || first.collection.kind === 'subquery')
    return yield* conditionSteps(where, ofItem, binder);
  // The first name in FROM is the container, whatever its spelling.
  const names = namesWithin(from, new Map([...ofItem, [first.collection.root, []]]));
  let isOfItem = true;
  forEachPart(where, (node) => {
    const name = node.kind === 'name' ? node.name : node.kind === 'path' ? node.root : undefined;
    if (name !== undefined && names.get(name) !== undefined && !ofItem.has(name)) isOfItem = false;
  });
  if (isOfItem) return yield* conditionSteps(where, ofItem, binder);
  // Rows are looked at one by one, whatever is known of their items.
  return { kind: 'opaque', narrowed: yield* conditionSteps(where, names, binder) };
}

function refuseUnsupported(tree: Query): void {
  if (tree.groupBy !== undefined && tree.orderBy !== undefined) throw unsupported('ORDER BY with GROUP BY');
  if (tree.top !== undefined && tree.offset !== undefined) {
    throw new DatabaseError('BadRequest', 'A query cannot have both TOP and OFFSET LIMIT.');
  }
}

/**
 * A frame for one execution, with the parameters in the compiled order; one that was not given is
 * undefined.
 */
export function frameFor(
  compiled: CompiledQuery,
  parameters: QuerySpec['parameters'],
  environment: QueryEnvironment,
  functions = NO_FUNCTIONS,
): Frame {
  const values = new Map<string, Value>();
  for (const { name, value } of parameters) {
    if (isDeeperThan(value, VALUE_DEPTH_MAX)) {
      throw new DatabaseError('BadRequest', `The value of the parameter '${name}' is nested too deeply.`);
    }
    values.set(name, value);
  }
  return {
    slots: new Array<Value>(compiled.slotCount).fill(undefined),
    parameters: compiled.parameterNames.map((name) => values.get(name)),
    environment,
    functions,
    work: new LongWork(),
  };
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
