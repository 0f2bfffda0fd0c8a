import { DatabaseError } from '../errors/index.ts';
import { isAggregateName } from './aggregates.ts';
import { isAggregating } from './block.ts';
import { isScore } from './ranking.ts';
import { type Expression, expressionsOf, partsOf, type Query } from './syntax.ts';

/** What a client must be able to do to put the parts of a query together. */
type ClientFeature =
  | 'Aggregate'
  | 'CountIf'
  | 'DCount'
  | 'Distinct'
  | 'GroupBy'
  | 'HybridSearch'
  | 'ListAndSetAggregate'
  | 'MultipleAggregates'
  | 'MultipleOrderBy'
  | 'NonStreamingOrderBy'
  | 'NonValueAggregate'
  | 'OffsetAndLimit'
  | 'OrderBy'
  | 'Top'
  | 'WeightedRankFusion';

/** The list in a request header: names separated by commas. */
export function parseFeatures(header: string): ReadonlySet<string> {
  return new Set(header.split(',').map((name) => name.trim()));
}

/** @throws DatabaseError `BadRequest` when the client has not all that the query needs. */
export function checkFeatures(query: Query, features: ReadonlySet<string>, isCountedDistinct: boolean): void {
  const needed: ClientFeature[] = isCountedDistinct ? ['DCount'] : featuresOf(query);
  const missing = needed.filter((feature) => !features.has(feature));
  if (missing.length === 0) return;
  const message =
    'The query needs features that the client does not have: ' +
    `${missing.join(', ')}. Use a newer client, or confine the query to one partition key.`;
  throw new DatabaseError('BadRequest', message);
}

function featuresOf(query: Query): ClientFeature[] {
  const { selection, groupBy, orderBy, isDistinct, top, offset } = query;
  const needed: ClientFeature[] = [];
  if (isDistinct) needed.push('Distinct');
  if (groupBy !== undefined) needed.push('GroupBy');
  if (top !== undefined) needed.push('Top');
  if (offset !== undefined) needed.push('OffsetAndLimit');
  if (isAggregating(query)) {
    const names = new Set<string>();
    const count = expressionsOf(query).reduce(
      (sum, expression) => sum + collectAggregates(expression, names),
      0,
    );
    needed.push(selection.kind === 'value' ? 'Aggregate' : 'NonValueAggregate');
    if (count > 1) needed.push('MultipleAggregates');
    if (names.has('COUNTIF')) needed.push('CountIf');
    if (names.has('MAKELIST') || names.has('MAKESET')) needed.push('ListAndSetAggregate');
  } else if (query.isRanked) {
    needed.push('HybridSearch');
    if (orderBy?.some(({ expression }) => hasWeights(expression)) === true) needed.push('WeightedRankFusion');
  } else if (orderBy?.some(({ expression }) => isScore(expression)) === true) {
    needed.push('NonStreamingOrderBy');
  } else if (orderBy !== undefined) {
    needed.push(orderBy.length > 1 ? 'MultipleOrderBy' : 'OrderBy');
  }
  return needed;
}

/** Whether the last operand is no score, so that it can only be a list of weights. */
function hasWeights(expression: Expression): boolean {
  const last = expression.kind === 'call' ? expression.operands[expression.operands.length - 1] : undefined;
  return expression.kind === 'call' && expression.name.toUpperCase() === 'RRF' && last?.kind !== 'call';
}

/** Adds the names of the aggregates called; returns how many calls there are. */
function collectAggregates(expression: Expression, names: Set<string>): number {
  let count = 0;
  if (expression.kind === 'call' && !expression.isUserDefined && isAggregateName(expression.name)) {
    names.add(expression.name.toUpperCase());
    count++;
  }
  for (const part of partsOf(expression)) count += collectAggregates(part, names);
  return count;
}
