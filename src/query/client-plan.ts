import { assert, finish, finishInTurns, type Json, type JsonObject, type Steps } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { PartitionKeyDefinition, SearchPolicies } from '../resource/index.ts';
import { findAggregate } from './aggregates.ts';
import { callsAggregate } from './block.ts';
import { checkFeatures } from './client-features.ts';
import { type CompiledQuery, compileQuery, frameFor, type Window, windowOf } from './compiled-query.ts';
import { planningEnvironment } from './environment.ts';
import { hybridPlan } from './hybrid-plan.ts';
import { TEXT_AT_ONCE } from './parser.ts';
import { isSinglePoint, partitionKeyRanges } from './partition-key-ranges.ts';
import { orderPaths } from './plan.ts';
import { printExpression, printOrder, printOrderAsWritten, printQuery } from './printer.ts';
import { outputNames } from './projection.ts';
import { FILTER_PLACEHOLDER, fromText, payloadText, rowAlias, whereText } from './rewritten-query.ts';
import type { QuerySpec } from './source.ts';
import type { CallNode, Expression, OrderItem, Query } from './syntax.ts';
import { unsupported } from './syntax-error.ts';

/**
 * The plan by which a client spreads a query over ranges and puts the answers together: what it has to do,
 * the text that each range is to run instead (empty: the original), and the ranges. Everything in it can be
 * executed here. The text of a filter stands in the rewritten query in place of what the client fills in
 * when it goes on. A query that ranks by several scores has a plan of its own: see `hybridPlan`. `features`
 * are those that the client says it has; undefined when it does not say.
 * @throws DatabaseError `BadRequest` for a query that cannot be executed, or not by parts.
 */
export function planForClient(
  spec: QuerySpec,
  target: PlanTarget,
  features?: ReadonlySet<string>,
): JsonObject {
  return finish(planSteps(compileQuery(spec.query), spec, target, features));
}

/** The same; of a long text, which `prepareQuery` has made ready, while others have their turn. */
export function planInTurns(
  spec: QuerySpec,
  target: PlanTarget,
  features: ReadonlySet<string> | undefined,
  turn: () => Promise<void>,
): JsonObject | Promise<JsonObject> {
  if (spec.query.length <= TEXT_AT_ONCE) return planForClient(spec, target, features);
  return finishInTurns(planSteps(compileQuery(spec.query), spec, target, features), turn);
}

/** Whether the query can only have rows of one partition key, or none at all. */
export function concernsOneKey(
  spec: QuerySpec,
  { partitionKey, search }: PlanTarget,
  turn: () => Promise<void>,
): Promise<boolean> {
  const compiled = compileQuery(spec.query);
  const frame = frameFor(compiled, spec.parameters, planningEnvironment(search));
  const ranges = finishInTurns(partitionKeyRanges(compiled, frame, partitionKey), turn);
  return ranges.then(isSinglePoint);
}

function* planSteps(
  compiled: CompiledQuery,
  spec: QuerySpec,
  target: PlanTarget,
  features: ReadonlySet<string> | undefined,
): Steps<JsonObject> {
  const frame = frameFor(compiled, spec.parameters, planningEnvironment(target.search));
  const queryRanges = yield* partitionKeyRanges(compiled, frame, target.partitionKey);
  const counted = countedDistinct(compiled, features);
  if (compiled.block.inner !== undefined && counted === undefined) {
    throw unsupported('a query in FROM that groups or is DISTINCT, over more than one partition key range,');
  }
  if (features !== undefined) checkFeatures(compiled.tree, features, counted !== undefined);
  if (compiled.tree.isRanked) {
    const hybridSearchQueryInfo = hybridPlan({ compiled, parameters: spec.parameters, frame });
    return { partitionedQueryExecutionInfoVersion: 2, hybridSearchQueryInfo, queryRanges };
  }
  const query: PlannedQuery = {
    compiled,
    window: windowOf(compiled, frame),
    isDescending: compiled.ranking?.isDescending(frame),
    // A client sorts by score whatever ranges there are, and leaves out what OFFSET says.
    isSinglePoint: compiled.ranking === undefined && isSinglePoint(queryRanges),
    isCombining: compiled.isGathering || compiled.block.isDistinct,
  };
  const info = { ...queryInfo(query), ...(counted ?? rewritten(query)) };
  return { partitionedQueryExecutionInfoVersion: 2, queryInfo: info, queryRanges };
}

/** What a plan has to know of the container. */
export interface PlanTarget {
  readonly partitionKey: PartitionKeyDefinition;
  readonly search: SearchPolicies;
}

/** Whether ranges can be read one after the other and their rows put side by side: nothing spans them. */
export function isServableAcrossPartitions(compiled: CompiledQuery): boolean {
  const { tree, order, readsItems } = compiled;
  return (
    readsItems &&
    !compiled.isGathering &&
    order.length === 0 &&
    tree.top === undefined &&
    tree.offset === undefined &&
    !tree.isDistinct &&
    !tree.isRanked
  );
}

/** Names of the aggregates in plans. */
const AGGREGATE_TYPES: Readonly<Record<string, string>> = {
  COUNT: 'Count',
  COUNTIF: 'CountIf',
  SUM: 'Sum',
  AVG: 'Average',
  MIN: 'Min',
  MAX: 'Max',
  MAKELIST: 'MakeList',
  ARRAY_AGG: 'MakeList',
  MAKESET: 'MakeSet',
};

interface PlannedQuery {
  readonly compiled: CompiledQuery;
  readonly window: Window;
  /** The direction of an order by score. */
  readonly isDescending: boolean | undefined;
  /** One partition key: its range can do more of the work by itself. */
  readonly isSinglePoint: boolean;
  /** Rows of several pages or ranges become one row. */
  readonly isCombining: boolean;
}

function queryInfo({ compiled, window, isSinglePoint, isCombining }: PlannedQuery): JsonObject {
  const { tree } = compiled;
  // A single partition leaves rows out by itself, unless its rows have to be combined first.
  const hasWindow = tree.offset !== undefined && (isCombining || !isSinglePoint);
  return {
    distinctType: tree.isDistinct ? (isOrderedDistinct(tree) ? 'Ordered' : 'Unordered') : 'None',
    top: tree.top === undefined ? null : window.take,
    offset: hasWindow ? window.skip : null,
    limit: hasWindow ? window.take : null,
    orderBy: [],
    orderByExpressions: [],
    groupByExpressions: [],
    groupByAliases: [],
    groupByAliasToAggregateType: {},
    aggregates: [],
    rewrittenQuery: '',
    hasSelectValue: tree.selection.kind === 'value',
    dCountInfo: null,
    hasNonStreamingOrderBy: false,
  };
}

/** Whether equal rows come one after the other: what is selected is what it is ordered by. */
function isOrderedDistinct({ selection, orderBy }: Query): boolean {
  if (orderBy === undefined || selection.kind === 'star') return false;
  const selected =
    selection.kind === 'value' ? [selection.expression] : selection.items.map((item) => item.expression);
  const texts = selected.map(printExpression);
  return (
    texts.length === orderBy.length &&
    orderBy.every((item, index) => printExpression(item.expression) === texts[index])
  );
}

/** The parts of the plan that depend on the class of the query. */
function rewritten(query: PlannedQuery): JsonObject {
  const { compiled, isCombining, isSinglePoint } = query;
  const { tree } = compiled;
  if (compiled.isGathering) return rewriteGroups(compiled);
  if (tree.orderBy !== undefined) return rewriteOrder(query, tree.orderBy);
  if (tree.isDistinct && (tree.top !== undefined || tree.offset !== undefined))
    return { rewrittenQuery: printQuery({ ...tree, top: undefined, offset: undefined, limit: undefined }) };
  if (tree.offset === undefined || (isSinglePoint && !isCombining)) return {};
  return { rewrittenQuery: printQuery({ ...tree, offset: undefined, limit: undefined }) + windowText(query) };
}

/**
 * OFFSET and LIMIT for one range: rows to be left out are chosen among those of all ranges, so none is
 * here. Rows that are combined first are not counted in a range.
 */
function windowText({ compiled, window, isSinglePoint, isCombining }: PlannedQuery): string {
  if (compiled.tree.offset === undefined || isCombining) return '';
  const { skip, take } = window;
  return isSinglePoint ? ` OFFSET ${skip} LIMIT ${take}` : ` OFFSET 0 LIMIT ${skip + take}`;
}

function rewriteOrder(query: PlannedQuery, orderBy: readonly OrderItem[]): JsonObject {
  const { compiled, window } = query;
  const { tree, ranking } = compiled;
  if (ranking === undefined) orderPaths(compiled);
  const alias = rowAlias(compiled);
  const { payload, definedness } = payloadText(compiled, alias);
  const keys = orderBy.map((item) => printExpression(item.expression));
  const items = keys.map((key) => `{"item": ${key}}`).join(', ');
  const conditions = [
    tree.where && `(${printExpression(tree.where)})`,
    definedness,
    `(${FILTER_PLACEHOLDER})`,
  ];
  const where = conditions.filter((condition) => condition !== undefined).join(' AND ');
  const order = ranking === undefined ? printOrder(orderBy) : printOrderAsWritten(orderBy);
  const top = tree.top === undefined || query.isCombining ? '' : `TOP ${window.take} `;
  return {
    orderBy: orderBy.map((item) => ((query.isDescending ?? item.isDescending) ? 'Descending' : 'Ascending')),
    hasNonStreamingOrderBy: ranking !== undefined,
    orderByExpressions: keys,
    rewrittenQuery:
      `SELECT ${top}${alias}._rid, [${items}] AS orderByItems, ${payload} AS payload${fromText(compiled)} ` +
      `WHERE (${where}) ORDER BY ${order}${windowText(query)}`,
  };
}

/** Aggregates and GROUP BY: each range gives its groups, with its share of every aggregate. */
function rewriteGroups(compiled: CompiledQuery): JsonObject {
  const { selection, where, groupBy } = compiled.tree;
  const rest = `${fromText(compiled)}${whereText(where)}`;
  const keys = (groupBy ?? []).map(printExpression);
  const items = keys.map((key) => `{"item": ${key}}`).join(', ');
  const start = groupBy === undefined ? 'SELECT' : `SELECT [${items}] AS groupByItems,`;
  const end = groupBy === undefined ? rest : `${rest} GROUP BY ${keys.join(', ')}`;
  const group = { groupByExpressions: keys };
  assert(selection.kind !== 'star', 'only expressions are grouped');
  if (selection.kind === 'value') {
    const { expression } = selection;
    const call = soleAggregate(expression);
    const payload = call === undefined ? printExpression(expression) : `[${partText(call)}]`;
    return {
      ...group,
      aggregates: call === undefined ? [] : [typeOf(call)],
      rewrittenQuery:
        groupBy === undefined ? `SELECT VALUE ${payload}${rest}` : `${start} ${payload} AS payload${end}`,
    };
  }
  const names = outputNames(selection.items);
  const types: { [alias: string]: Json } = Object.create(null) as JsonObject;
  const members = selection.items.map(({ expression }, index) => {
    const name = names[index] ?? '';
    const call = soleAggregate(expression);
    types[name] = call === undefined ? null : typeOf(call);
    return `${JSON.stringify(name)}: ${call === undefined ? printExpression(expression) : partText(call)}`;
  });
  return {
    ...group,
    groupByAliases: names,
    groupByAliasToAggregateType: types,
    rewrittenQuery: `${start} {${members.join(', ')}} AS payload${end}`,
  };
}

/**
 * `SELECT COUNT(1) FROM (SELECT DISTINCT …)`, for clients that count distinct rows of all ranges themselves:
 * the ranges give the rows. Undefined for every other query, and for other clients.
 */
function countedDistinct(
  { tree }: CompiledQuery,
  features: ReadonlySet<string> | undefined,
): JsonObject | undefined {
  const { selection, from, where, groupBy, isDistinct } = tree;
  const [source, joined] = from ?? [];
  if (features?.has('DCount') !== true || joined !== undefined || source?.collection.kind !== 'subquery')
    return undefined;
  const { query } = source.collection;
  const isPlain = query.isDistinct && query.groupBy === undefined && where === undefined;
  if (!isPlain || groupBy !== undefined || isDistinct || source.iterates || selection.kind === 'star')
    return undefined;
  const [item, second] = selection.kind === 'list' ? selection.items : [selection];
  const call = item?.expression;
  if (second !== undefined || call?.kind !== 'call' || call.name.toUpperCase() !== 'COUNT') return undefined;
  const [operand] = call.operands;
  const countsRows =
    (operand?.kind === 'constant' && operand.value !== undefined) ||
    (operand?.kind === 'name' && operand.name === source.alias);
  if (!countsRows) return undefined;
  const [name] = selection.kind === 'list' ? outputNames(selection.items) : [''];
  return {
    distinctType: 'Unordered',
    dCountInfo: { dCountAlias: name ?? '' },
    rewrittenQuery: printQuery(query),
  };
}

function composition(): DatabaseError {
  return new DatabaseError('BadRequest', 'Compositions of aggregates and other expressions are not allowed.');
}

/** The aggregate that the expression is; undefined when it calls none. */
function soleAggregate(expression: Expression): CallNode | undefined {
  if (!callsAggregate(expression)) return undefined;
  if (expression.kind !== 'call' || !callsAggregate({ ...expression, operands: [] })) throw composition();
  return expression;
}

function typeOf(call: CallNode): string {
  const aggregate = findAggregate(call.name);
  const type = aggregate && AGGREGATE_TYPES[aggregate.name];
  assert(type !== undefined, 'every aggregate has a name in plans');
  return type;
}

/** One range's share of an aggregate, in the form that clients add up. */
function partText(call: CallNode): string {
  const [operand] = call.operands;
  assert(operand !== undefined, 'compiling checks the argument count');
  const x = printExpression(operand);
  const type = typeOf(call);
  switch (type) {
    case 'Average':
      return `{"item": {"sum": SUM(${x}), "count": COUNT(${x})}}`;
    case 'Min':
    case 'Max': {
      const name = type === 'Min' ? 'min' : 'max';
      const extreme = `${type.toUpperCase()}(${x})`;
      return `{"item": ${extreme}, "item2": {"${name}": ${extreme}, "count": COUNT(${x})}}`;
    }
    default:
      return `{"item": ${call.name.toUpperCase()}(${x})}`;
  }
}
