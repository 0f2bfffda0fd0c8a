/**
 * A query and the queries inside it, as closures. What a SELECT reads are rows: of the item alone, of the
 * item with the elements of its arrays (FROM and JOIN), or of a row of the query around it.
 */
import { assert, type Json, type Steps } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { isAggregateName } from './aggregates.ts';
import { type Binder, type Evaluator, type Frame, type GroupKey, ITEM_SLOT } from './binder.ts';
import { rowReader } from './block-rows.ts';
import { expressionSteps, type Predicate, predicateSteps } from './evaluate.ts';
import { findFunction } from './functions/function-table.ts';
import type { Grouping } from './grouping.ts';
import { type Projection, projectionSteps } from './projection.ts';
import { allRows, COLLECTORS, valueOfRows } from './row-collector.ts';
import type { Level } from './row-levels.ts';
import {
  type Collection,
  type Expression,
  forEachNode,
  forEachPart,
  partsOf,
  type Query,
  type Source,
  type SubqueryNode,
} from './syntax.ts';
import { queryError, unsupported } from './syntax-error.ts';
import { elementOf, memberOf, type Value } from './values.ts';

/** A query made ready to read rows. */
export interface Block {
  /** A query in FROM whose rows exist only when all items were read: it groups, or is DISTINCT. */
  readonly inner: { readonly block: Block; readonly slot: number } | undefined;
  /** What of the condition is known before the sources have values; undefined when that is nothing. */
  readonly predicate: Predicate | undefined;
  /** Sources of FROM, but for the item itself. */
  readonly levels: readonly Level[];
  /** Undefined when each row stays a row. */
  readonly grouping: Grouping | undefined;
  readonly isDistinct: boolean;
  /** Where rows are told apart: see `Binder.newSite`. */
  readonly site: number;
  readonly projection: Projection;
}

/** Whether its rows exist only when all items were read. */
export function isGathering(block: Block): boolean {
  return block.inner !== undefined || block.grouping !== undefined;
}

/**
 * Compiles in the binder's present scope. `readsItem`: the first name in FROM is the container, whatever its
 * spelling. @throws DatabaseError `BadRequest`.
 */
export function* blockSteps(
  query: Query,
  binder: Binder,
  { readsItem }: { readonly readsItem: boolean },
): Steps<Block> {
  checkSelection(query);
  const from = yield* fromSteps(query.from ?? [], binder, readsItem);
  const { predicate, levels } = yield* whereSteps(query.where, from, binder);
  const keys: GroupKey[] = [];
  for (const expression of query.groupBy ?? []) {
    keys.push(binder.addGroupKey(expression, yield* expressionSteps(expression, binder)));
    if (binder.steps.isDue()) yield;
  }
  const selection = () => projectionSteps(query.selection, from.itemNames, from.starSlot, binder);
  const isGrouped = query.groupBy !== undefined || isAggregating(query);
  if (query.selection.kind === 'list') binder.steps.add(query.selection.items.length);
  if (binder.steps.isDue()) yield;
  const projection = yield* isGrouped ? binder.inGroup(selection) : selection();
  const site = binder.newSite();
  const grouping = isGrouped ? { keys, aggregates: binder.aggregates, site } : undefined;
  const { isDistinct } = query;
  return { inner: from.inner, predicate, levels, grouping, isDistinct, site, projection };
}

function checkSelection({ selection, from, groupBy }: Query): void {
  if (selection.kind !== 'star') return;
  if (groupBy !== undefined) {
    throw queryError('SC2041', "'SELECT *' cannot be combined with GROUP BY.", selection.location);
  }
  if (from === undefined) {
    throw new DatabaseError('BadRequest', "'SELECT *' is not valid when the FROM clause is left out.");
  }
  if (from.length > 1) {
    throw new DatabaseError(
      'BadRequest',
      "'SELECT *' is only valid with a single source in the FROM clause.",
    );
  }
}

interface From {
  readonly inner: Block['inner'];
  readonly levels: readonly Omit<Level, 'filter'>[];
  /** Place of the level that gives an alias its value; absent for those known before all levels. */
  readonly depths: ReadonlyMap<string, number>;
  /** Names that stand for the item itself. */
  readonly itemNames: ReadonlySet<string>;
  /** What `*` gives. */
  readonly starSlot: number;
}

function* fromSteps(sources: readonly Source[], binder: Binder, readsItem: boolean): Steps<From> {
  const levels: Omit<Level, 'filter'>[] = [];
  const depths = new Map<string, number>();
  let inner: Block['inner'];
  let starSlot = ITEM_SLOT;
  for (const [index, source] of sources.entries()) {
    const isOutermost = readsItem && index === 0;
    const { collection } = source;
    const alias = aliasOf(source);
    if (isOutermost && isWholeItem(source)) {
      declare(alias, ITEM_SLOT, collection, binder);
      continue;
    }
    const slot = binder.newSlot();
    if (index === 0) starSlot = slot;
    const compiled = yield* sourceSteps(source, binder, isOutermost);
    declare(alias, slot, collection, binder);
    if (typeof compiled === 'function') {
      if (alias !== undefined) depths.set(alias, levels.length);
      levels.push({ slot, values: compiled });
    } else {
      inner = { block: compiled, slot };
    }
  }
  const itemNames = readsItem ? itemAliases({ from: sources }) : new Set<string>();
  if (itemNames.has('root') && !binder.isDeclared('root')) {
    binder.declare('root', ITEM_SLOT, { start: 0, end: 0 });
  }
  return { inner, levels, depths, itemNames, starSlot };
}

function declare(alias: string | undefined, slot: number, collection: Collection, binder: Binder): void {
  if (alias !== undefined) binder.declare(alias, slot, collection.location);
}

/** The name given, else the last one of the path. */
export function aliasOf({ alias, collection }: Source): string | undefined {
  if (alias !== undefined || collection.kind === 'subquery') return alias;
  const last = collection.path[collection.path.length - 1];
  if (last === undefined) return collection.root;
  return typeof last === 'string' ? last : undefined;
}

function isWholeItem({ collection, iterates }: Source): boolean {
  return collection.kind === 'path' && collection.path.length === 0 && !iterates;
}

/**
 * Names by which expressions of the query reach the item itself: its alias, and `root` unless something else
 * has that name. None in a query over a query.
 */
export function itemAliases({ from }: Pick<Query, 'from'>): Set<string> {
  const [first, ...others] = from ?? [];
  if (first === undefined || first.collection.kind === 'subquery') return new Set();
  const names = new Set(['root']);
  for (const source of others) names.delete(aliasOf(source) ?? '');
  const alias = aliasOf(first) ?? '';
  if (isWholeItem(first)) names.add(alias);
  else names.delete(alias);
  return names;
}

/** The values of a source; or the query that it is, when that has to read all items first. */
function* sourceSteps(source: Source, binder: Binder, isOutermost: boolean): Steps<Level['values'] | Block> {
  const { collection, iterates } = source;
  if (collection.kind === 'path') {
    const value = compilePath(collection, binder, isOutermost);
    return iterates ? (frame) => arrayOf(value(frame)) : (frame) => oneOrNone(value(frame));
  }
  refuseOrderAndWindow(collection.query);
  const { result: block, isCorrelated } = yield* binder.nested(() =>
    blockSteps(collection.query, binder, { readsItem: isOutermost }),
  );
  if (isOutermost && (isGathering(block) || block.isDistinct)) {
    if (iterates) throw unsupported('IN over a query that groups or is DISTINCT');
    return block;
  }
  const site = binder.newSite();
  const reader = rowReader(block);
  const rows = (frame: Frame) => arrayOf(valueOfRows(reader, site, frame, allRows));
  const all = iterates ? (frame: Frame) => rows(frame).flatMap(arrayOf) : rows;
  // What reads the item is correlated with it, though no name around it was used.
  if (isCorrelated || isOutermost || !isRepeatable(collection.query)) return all;
  const slot = binder.newSlot();
  // Undefined before the first time: frames are made for one execution.
  return (frame) => {
    frame.slots[slot] ??= [...all(frame)] as Json[];
    return arrayOf(frame.slots[slot]);
  };
}

/** Whether evaluating it again, in the same execution, gives the same. */
function isRepeatable(query: Query): boolean {
  let isRepeatable = true;
  forEachNode(query, (node) => {
    if (node.kind !== 'call') return;
    if (node.isUserDefined || findFunction(node.name)?.volatility === 'volatile') isRepeatable = false;
  });
  return isRepeatable;
}

const NO_VALUES: readonly Value[] = [];

function arrayOf(value: Value): readonly Value[] {
  return Array.isArray(value) ? value : NO_VALUES;
}

function oneOrNone(value: Value): readonly Value[] {
  return value === undefined ? NO_VALUES : [value];
}

function compilePath(
  collection: Extract<Collection, { kind: 'path' }>,
  binder: Binder,
  isOutermost: boolean,
): Evaluator {
  const { root, path, location } = collection;
  const slot = isOutermost && !binder.isKnown(root) ? ITEM_SLOT : binder.slotOf(root, location);
  return (frame) => {
    let value = frame.slots[slot];
    for (const step of path)
      value = typeof step === 'string' ? memberOf(value, step) : elementOf(value, step);
    return value;
  };
}

/** Terms of the condition are checked as soon as the aliases in them have values. */
function* whereSteps(
  where: Expression | undefined,
  from: From,
  binder: Binder,
): Steps<Pick<Block, 'predicate' | 'levels'>> {
  const terms = where?.kind === 'logical' && where.operator === 'AND' ? where.terms : where ? [where] : [];
  const byDepth = new Map<number, Expression[]>();
  for (const term of terms) {
    const depth = from.levels.length === 0 ? -1 : depthOf(term, from.depths);
    const here = byDepth.get(depth);
    if (here === undefined) byDepth.set(depth, [term]);
    else here.push(term);
  }
  const filterSteps = function* (depth: number): Steps<Predicate | undefined> {
    const here = byDepth.get(depth);
    const [only] = here ?? [];
    if (here === undefined || only === undefined) return undefined;
    const whole: Expression = here.length === 1 ? only : { kind: 'logical', operator: 'AND', terms: here };
    return yield* predicateSteps(whole, binder);
  };
  const levels: Level[] = [];
  for (const [depth, level] of from.levels.entries()) {
    levels.push({ ...level, filter: yield* filterSteps(depth) });
  }
  return { predicate: yield* filterSteps(-1), levels };
}

/** The deepest level that the expression may look at. */
function depthOf(expression: Expression, depths: ReadonlyMap<string, number>): number {
  let depth = -1;
  forEachPart(expression, (node) => {
    // A name of a query inside may be another one's: looking later than needed is never wrong.
    const name = node.kind === 'name' ? node.name : node.kind === 'path' ? node.root : undefined;
    if (name !== undefined) depth = Math.max(depth, depths.get(name) ?? -1);
  });
  return depth;
}

/** Whether the select list calls an aggregate; calls inside subqueries belong to those. */
export function isAggregating({ selection }: Query): boolean {
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

function refuseOrderAndWindow({ orderBy, top, offset }: Query): void {
  const [item] = orderBy ?? [];
  if (item !== undefined) throw queryError('SC2202', 'ORDER BY cannot be used in a subquery.', item.location);
  if (top !== undefined) throw queryError('SC2203', 'TOP cannot be used in a subquery.', top.location);
  if (offset !== undefined)
    throw queryError('SC2204', 'OFFSET LIMIT cannot be used in a subquery.', offset.location);
}

/** The value of a query inside an expression. */
export function* subquerySteps(node: SubqueryNode, binder: Binder): Steps<Evaluator> {
  refuseOrderAndWindow(node.query);
  const { result: block, isCorrelated } = yield* binder.nested(() =>
    blockSteps(node.query, binder, { readsItem: false }),
  );
  const site = binder.newSite();
  const reader = rowReader(block);
  const collect = COLLECTORS[node.form];
  const evaluate = (frame: Frame) => valueOfRows(reader, site, frame, collect);
  if (isCorrelated || !isRepeatable(node.query)) return evaluate;
  const slot = binder.newSlot();
  return (frame) => {
    frame.slots[slot] ??= [...oneOrNone(evaluate(frame))] as Json[];
    return elementOf(frame.slots[slot], 0);
  };
}

/** The query whose rows are items: the innermost of those in FROM, or the query itself. */
export function itemQuery(query: Query): Query {
  const collection = query.from?.[0]?.collection;
  assert(query.kind === 'query', 'only queries have a FROM');
  return collection?.kind === 'subquery' ? itemQuery(collection.query) : query;
}
