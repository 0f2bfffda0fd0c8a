import { assert, type Json, type JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import type { PartitionKeyDefinition } from '../resource/index.ts';
import { findAggregate } from './aggregates.ts';
import {
  type CompiledQuery,
  callsAggregate,
  compileQuery,
  frameFor,
  itemAliases,
  type Window,
  windowOf,
} from './compiled-query.ts';
import { NO_ENVIRONMENT } from './environment.ts';
import { isSinglePoint, partitionKeyRanges } from './partition-key-ranges.ts';
import { checkOrder } from './plan.ts';
import { printExpression, printFrom, printOrder } from './printer.ts';
import { outputNames } from './projection.ts';
import type { QuerySpec } from './source.ts';
import type { CallNode, Expression, OrderItem, SelectItem } from './syntax.ts';

/**
 * The plan by which a client spreads a query over ranges and puts the answers together: what it has to do,
 * the text that each range is to run instead (empty: the original), and the ranges. Everything in it can be
 * executed here. The text of a filter stands in the rewritten query in place of what the client fills in
 * when it goes on.
 * @throws DatabaseError `BadRequest` for a query that cannot be executed, or not by parts.
 */
export function planForClient(spec: QuerySpec, definition: PartitionKeyDefinition): JsonObject {
  const compiled = compileQuery(spec.query);
  const frame = frameFor(compiled, spec.parameters, NO_ENVIRONMENT);
  const queryRanges = partitionKeyRanges(compiled, frame, definition);
  const query = { compiled, window: windowOf(compiled, frame), isSinglePoint: isSinglePoint(queryRanges) };
  return { partitionedQueryExecutionInfoVersion: 2, queryInfo: queryInfo(query), queryRanges };
}

/** Whether ranges can be read one after the other and their rows put side by side: nothing spans them. */
export function isServableAcrossPartitions(compiled: CompiledQuery): boolean {
  const { tree, aggregates, order, readsItems } = compiled;
  return (
    readsItems &&
    aggregates.length === 0 &&
    order.length === 0 &&
    tree.top === undefined &&
    tree.offset === undefined &&
    !tree.isDistinct &&
    tree.groupBy === undefined
  );
}

const FILTER_PLACEHOLDER = '{documentdb-formattableorderbyquery-filter}';

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
  /** One partition key: its range can do more of the work by itself. */
  readonly isSinglePoint: boolean;
}

function queryInfo(query: PlannedQuery): JsonObject {
  const { compiled, window } = query;
  const { tree } = compiled;
  // A single partition leaves rows out by itself, unless one row is made of all of them first.
  const isWindowLeft = tree.offset !== undefined && query.isSinglePoint && compiled.aggregates.length === 0;
  const hasWindow = tree.offset !== undefined && !isWindowLeft;
  return {
    distinctType: 'None',
    top: tree.top === undefined ? null : window.take,
    offset: hasWindow ? window.skip : null,
    limit: hasWindow ? window.take : null,
    orderBy: [],
    orderByExpressions: [],
    groupByExpressions: [],
    groupByAliases: [],
    groupByAliasToAggregateType: {},
    aggregates: [],
    hasSelectValue: tree.selection.kind === 'value',
    dCountInfo: null,
    hasNonStreamingOrderBy: false,
    ...rewritten(query),
  };
}

/** The parts of the plan that depend on the class of the query. */
function rewritten(query: PlannedQuery): JsonObject {
  const { compiled } = query;
  const { tree } = compiled;
  if (compiled.aggregates.length > 0) return rewriteAggregates(compiled);
  if (tree.orderBy !== undefined) return rewriteOrder(query, tree.orderBy);
  if (tree.offset === undefined || query.isSinglePoint) return { rewrittenQuery: '' };
  const { selection } = tree;
  assert(selection.kind !== 'list' || selection.items.length > 0, 'a select list has items');
  return { rewrittenQuery: `${bodyText(compiled)}${windowText(query)}` };
}

function bodyText(compiled: CompiledQuery): string {
  const { tree } = compiled;
  const { selection } = tree;
  const selected =
    selection.kind === 'star'
      ? '*'
      : selection.kind === 'value'
        ? `VALUE ${printExpression(selection.expression)}`
        : selection.items.map(printItem).join(', ');
  return `SELECT ${selected}${fromText(compiled)}${whereText(tree.where)}`;
}

function printItem({ expression, alias }: SelectItem): string {
  return printExpression(expression) + (alias === undefined ? '' : ` AS ${alias}`);
}

function fromText({ tree }: CompiledQuery): string {
  return tree.from === undefined ? '' : ` FROM ${printFrom(tree.from)}`;
}

function whereText(where: Expression | undefined): string {
  return where === undefined ? '' : ` WHERE ${printExpression(where)}`;
}

/**
 * OFFSET and LIMIT for one range: rows to be left out are chosen among those of all ranges, so none is
 * here.
 */
function windowText({ compiled, window, isSinglePoint }: PlannedQuery): string {
  if (compiled.tree.offset === undefined) return '';
  const { skip, take } = window;
  return isSinglePoint ? ` OFFSET ${skip} LIMIT ${take}` : ` OFFSET 0 LIMIT ${skip + take}`;
}

function rewriteOrder(query: PlannedQuery, orderBy: readonly OrderItem[]): JsonObject {
  const { compiled, window } = query;
  checkOrder(compiled);
  const { tree } = compiled;
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
  const top = tree.top === undefined ? '' : `TOP ${window.take} `;
  return {
    orderBy: orderBy.map((item) => (item.isDescending ? 'Descending' : 'Ascending')),
    orderByExpressions: keys,
    rewrittenQuery:
      `SELECT ${top}${alias}._rid, [${items}] AS orderByItems, ${payload} AS payload${fromText(compiled)} ` +
      `WHERE (${where}) ORDER BY ${printOrder(orderBy)}${windowText(query)}`,
  };
}

/**
 * The name of the item in the query; the set's first is the alias, and `root` is only another name for it.
 */
function rowAlias({ tree }: CompiledQuery): string {
  const [alias] = itemAliases(tree);
  assert(alias !== undefined, 'an ordered query reads items');
  return alias;
}

/** What the row of the original query was, as one expression; and when there was no row without a value. */
function payloadText(
  { tree }: CompiledQuery,
  alias: string,
): { payload: string; definedness: string | undefined } {
  const { selection } = tree;
  switch (selection.kind) {
    case 'star':
      return { payload: alias, definedness: undefined };
    case 'value': {
      const payload = printExpression(selection.expression);
      return { payload, definedness: `IS_DEFINED(${payload})` };
    }
    case 'list': {
      const names = outputNames(selection.items);
      const members = selection.items.map(
        ({ expression }, index) => `${JSON.stringify(names[index])}: ${printExpression(expression)}`,
      );
      return { payload: `{${members.join(', ')}}`, definedness: undefined };
    }
  }
}

function rewriteAggregates(compiled: CompiledQuery): JsonObject {
  const { selection, where } = compiled.tree;
  const rest = `${fromText(compiled)}${whereText(where)}`;
  if (selection.kind === 'value') {
    const call = soleAggregate(selection.expression);
    if (call === undefined) throw composition();
    return { aggregates: [typeOf(call)], rewrittenQuery: `SELECT VALUE [${partText(call)}]${rest}` };
  }
  assert(selection.kind === 'list', 'only expressions call aggregates');
  const names = outputNames(selection.items);
  const types: { [alias: string]: Json } = Object.create(null) as JsonObject;
  const members = selection.items.map(({ expression }, index) => {
    const name = names[index] ?? '';
    const call = soleAggregate(expression);
    if (call === undefined && callsAggregate(expression)) throw composition();
    types[name] = call === undefined ? null : typeOf(call);
    return `${JSON.stringify(name)}: ${call === undefined ? printExpression(expression) : partText(call)}`;
  });
  return {
    groupByAliases: names,
    groupByAliasToAggregateType: types,
    rewrittenQuery: `SELECT {${members.join(', ')}} AS payload${rest}`,
  };
}

function composition(): DatabaseError {
  return new DatabaseError('BadRequest', 'Compositions of aggregates and other expressions are not allowed.');
}

function soleAggregate(expression: Expression): CallNode | undefined {
  return expression.kind === 'call' && callsAggregate({ ...expression, operands: [] })
    ? expression
    : undefined;
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
