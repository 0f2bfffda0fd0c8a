/**
 * ORDER BY RANK: rows by one or several scores, of texts by their words and of vectors by their nearness.
 * What a word is worth depends on all texts of the container, and ranks on all rows, so only the client can
 * put them together. It gets a query for the statistics of all ranges, and one for each score, whose text
 * it completes with those statistics; it fuses the ranks that rows have by each score (Cormack, Clarke and
 * Büttcher, "Reciprocal Rank Fusion", 2009).
 */
import type { Json, JsonObject } from '../base/index.ts';
import type { Frame } from './binder.ts';
import { itemAliases } from './block.ts';
import { type CompiledQuery, compileQuery, compileTree, frameFor, windowOf } from './compiled-query.ts';
import { pathOf } from './document-path.ts';
import { parseQuery } from './parser.ts';
import { printExpression } from './printer.ts';
import { FILTER_PLACEHOLDER, fromText, payloadText, rowAlias } from './rewritten-query.ts';
import type { QuerySpec } from './source.ts';
import type { CallNode, Expression } from './syntax.ts';
import { type Location, queryError, unsupported } from './syntax-error.ts';

/** Rows that each score contributes at the least, whatever the client wants in the end. */
const ROWS_MIN = 120;
/** Rows that clients are ready to sort by default: as many come when there is no TOP and no LIMIT. */
const ROWS_MAX = 50_000;
/** Stands in for a score that a row does not have: behind all others, and a number that JSON can hold. */
const FAR = 1e300;
const NO_TEXT_SCORE = -1;

const PLACEHOLDER = 'documentdb-formattablehybridsearchquery';

/** A query to be planned, with its parameters. */
interface Planned {
  readonly compiled: CompiledQuery;
  readonly parameters: QuerySpec['parameters'];
  /** Made for `compiled`. */
  readonly frame: Frame;
}

/** One score. */
interface Component {
  /** Its text, with placeholders for statistics. */
  readonly text: string;
  readonly isDescending: boolean;
  /** The same where every row has one. */
  readonly textOrFar: string;
  /** The statistics that it needs; undefined for vectors. */
  readonly statistics: string | undefined;
}

/** What a client asks each range for one score. */
export type ComponentQuery = JsonObject & {
  readonly orderBy: ('Ascending' | 'Descending')[];
  readonly rewrittenQuery: string;
};

/** The published form. */
export type HybridPlan = {
  readonly globalStatisticsQuery: string;
  readonly componentQueryInfos: ComponentQuery[];
  readonly componentWithoutPayloadQueryInfos: Json[];
  readonly projectionQueryInfo: null;
  readonly componentWeights: number[];
  readonly skip: number;
  /** Null without a limit. */
  readonly take: number | null;
  readonly requiresGlobalStatistics: boolean;
};

/**
 * The part of a client's plan for `ORDER BY RANK`.
 * @throws DatabaseError `BadRequest` when what is ranked by is no score, or cannot be executed.
 */
export function hybridPlan(planned: Planned): HybridPlan {
  const { compiled, frame } = planned;
  const window = windowOf(compiled, frame);
  refuseUnsupported(compiled);
  const { calls, weights } = rankedScores(planned);
  let textCount = 0;
  const components = calls.map((call) =>
    isNamed(call, 'FULLTEXTSCORE')
      ? textComponent(call, textCount++, planned)
      : vectorComponent(call, planned),
  );
  const statistics = components.flatMap((component) => component.statistics ?? []);
  const wanted = window.skip + window.take;
  const count = Math.min(ROWS_MAX, Math.max(ROWS_MIN, 2 * wanted));
  const queries = components.map((component) => componentQuery(compiled, components, component, count));
  for (const { rewrittenQuery } of queries) checkText(rewrittenQuery);
  return {
    globalStatisticsQuery:
      `SELECT COUNT(1) AS documentCount, [${statistics.join(', ')}] AS fullTextStatistics` +
      `${fromText(compiled)}`,
    componentQueryInfos: queries,
    componentWithoutPayloadQueryInfos: [],
    projectionQueryInfo: null,
    componentWeights: weights,
    skip: window.skip,
    take: window.take === Number.POSITIVE_INFINITY ? null : window.take,
    requiresGlobalStatistics: statistics.length > 0,
  };
}

function refuseUnsupported({ tree, isGathering }: CompiledQuery): void {
  const [source, joined] = tree.from ?? [];
  const isPlain =
    source?.collection.kind === 'path' && source.collection.path.length === 0 && !source.iterates;
  if (!isPlain || joined !== undefined) throw unsupported('ORDER BY RANK over anything but whole items');
  if (tree.isDistinct) throw unsupported('DISTINCT with ORDER BY RANK');
  if (isGathering) throw unsupported('ORDER BY RANK with aggregates or GROUP BY');
}

function isNamed(expression: Expression, name: string): expression is CallNode {
  return expression.kind === 'call' && !expression.isUserDefined && expression.name.toUpperCase() === name;
}

/** The scores that the query ranks by, each with its weight, or without any weights. */
function rankedScores(planned: Planned): { calls: CallNode[]; weights: number[] } {
  const [item, second] = planned.compiled.tree.orderBy ?? [];
  if (item === undefined) throw unsupported('ORDER BY RANK by nothing');
  if (second !== undefined)
    throw misuse('ORDER BY RANK takes one function; RRF combines several.', second.location);
  if (item.isExplicit) throw misuse('ORDER BY RANK takes neither ASC nor DESC.', item.location);
  const { expression, location } = item;
  if (!isNamed(expression, 'RRF')) return { calls: [scoreCall(expression, location)], weights: [] };
  const last = expression.operands[expression.operands.length - 1];
  const weights = last && knownValue(last, planned);
  if (last?.kind === 'array' && weights === undefined) throw wrongWeights(location);
  const scores = Array.isArray(weights) ? expression.operands.slice(0, -1) : expression.operands;
  if (scores.length < 2) throw misuse('RRF takes two or more scores.', location);
  const calls = scores.map((score) => scoreCall(score, location));
  if (!Array.isArray(weights)) return { calls, weights: [] };
  if (weights.length !== calls.length) throw misuse('RRF takes one weight for each score.', location);
  return {
    calls,
    weights: weights.map((weight) => {
      if (typeof weight === 'number' && weight >= 0) return weight;
      throw wrongWeights(location);
    }),
  };
}

function wrongWeights(location: Location) {
  return misuse('The weights of RRF must be numbers, 0 or more.', location);
}

function scoreCall(expression: Expression, location: Location): CallNode {
  if (isNamed(expression, 'FULLTEXTSCORE') || isNamed(expression, 'VECTORDISTANCE')) return expression;
  throw misuse('ORDER BY RANK takes FullTextScore, VectorDistance, or RRF of them.', location);
}

function misuse(message: string, location: Location) {
  return queryError('SC2240', message, location);
}

/** The value of a constant, a parameter or a list of them, negative numbers too; undefined for all else. */
function knownValue(expression: Expression, planned: Planned): Json | undefined {
  switch (expression.kind) {
    case 'constant':
      return expression.value;
    case 'parameter':
      return planned.frame.parameters[planned.compiled.parameterNames.indexOf(expression.name)];
    case 'array': {
      const values = expression.elements.map((element) => knownValue(element, planned));
      return values.every((value) => value !== undefined) ? values : undefined;
    }
    case 'unary': {
      const value = knownValue(expression.operand, planned);
      return expression.operator === '-' && typeof value === 'number' ? -value : undefined;
    }
    default:
      return undefined;
  }
}

/** `FullTextScore(path, phrase, …)`; phrases may also come as one list. `place`: among such scores. */
function textComponent(call: CallNode, place: number, planned: Planned): Component {
  const { compiled } = planned;
  const [property, ...rest] = call.operands;
  const isPath = property !== undefined && (pathOf(property, itemAliases(compiled.tree))?.length ?? 0) > 0;
  if (!isPath) throw misuse('FullTextScore takes a path to a property first.', call.location);
  const values = rest.map((phrase) => knownValue(phrase, planned));
  const phrases = values.flatMap((value) => (Array.isArray(value) ? value : [value]));
  const texts = phrases.map((phrase) => {
    if (typeof phrase === 'string') return JSON.stringify(phrase);
    throw misuse('FullTextScore takes one or more texts to be looked for.', call.location);
  });
  if (texts.length === 0) throw misuse('FullTextScore takes texts to be looked for.', call.location);
  const path = printExpression(property);
  const text =
    `_FullTextScore(${path}, [${texts.join(', ')}], {${PLACEHOLDER}-totaldocumentcount}, ` +
    `{${PLACEHOLDER}-totalwordcount-${place}}, {${PLACEHOLDER}-hitcountsarray-${place}})`;
  const hits = texts.map((phrase) => `COUNTIF(FullTextContains(${path}, ${phrase}))`);
  return {
    text,
    isDescending: true,
    textOrFar: `(${text} ?? ${NO_TEXT_SCORE})`,
    statistics: `{"totalWordCount": SUM(_FullTextWordCount(${path})), "hitCounts": [${hits.join(', ')}]}`,
  };
}

function vectorComponent(call: CallNode, { compiled, parameters, frame }: Planned): Component {
  const text = printExpression(call);
  const alone = compileQuery(`SELECT *${fromText(compiled)} ORDER BY ${text}`);
  const isDescending = alone.ranking?.isDescending(frameFor(alone, parameters, frame.environment)) ?? true;
  return {
    text,
    isDescending,
    textOrFar: `(${text} ?? ${isDescending ? -FAR : FAR})`,
    statistics: undefined,
  };
}

/** What the client asks each range for one score: the first rows by it, with all their scores. */
function componentQuery(
  compiled: CompiledQuery,
  components: readonly Component[],
  { text, isDescending, statistics }: Component,
  count: number,
): ComponentQuery {
  const alias = rowAlias(compiled);
  const { payload, definedness } = payloadText(compiled, alias);
  const { where } = compiled.tree;
  const conditions = [where && `(${printExpression(where)})`, definedness, `(${FILTER_PLACEHOLDER})`];
  const scores = components.map(({ textOrFar }) => textOrFar).join(', ');
  return {
    distinctType: 'None',
    top: count,
    offset: null,
    limit: null,
    orderBy: [isDescending ? 'Descending' : 'Ascending'],
    orderByExpressions: [text],
    groupByExpressions: [],
    groupByAliases: [],
    groupByAliasToAggregateType: {},
    aggregates: [],
    rewrittenQuery:
      `SELECT TOP ${count} ${alias}._rid, [{"item": ${text}}] AS orderByItems, ` +
      `{"payload": ${payload}, "componentScores": [${scores}]} AS payload${fromText(compiled)} ` +
      `WHERE (${conditions.filter((condition) => condition !== undefined).join(' AND ')}) ` +
      `ORDER BY ${text}${statistics === undefined ? '' : ' DESC'}`,
    hasSelectValue: false,
    dCountInfo: null,
    hasNonStreamingOrderBy: true,
  };
}

/**
 * @throws DatabaseError `BadRequest` when the text, once the client has completed it, cannot be executed.
 */
function checkText(text: string): void {
  const complete = text
    .replaceAll(FILTER_PLACEHOLDER, 'true')
    .replaceAll(/\{documentdb-formattablehybridsearchquery-hitcountsarray-\d+\}/g, '[]')
    .replaceAll(/\{documentdb-formattablehybridsearchquery-[a-z]+(-\d+)?\}/g, '0');
  compileTree(complete, parseQuery(complete));
}

/** The text of a score's query as a client completes it by the row of the query for statistics. */
export function withStatistics(text: string, statistics: Json | undefined): string {
  const { documentCount, fullTextStatistics } = (statistics ?? {}) as {
    documentCount?: number;
    fullTextStatistics?: readonly { totalWordCount: number; hitCounts: readonly number[] }[];
  };
  let complete = text.replaceAll(FILTER_PLACEHOLDER, 'true');
  complete = complete.replaceAll(`{${PLACEHOLDER}-totaldocumentcount}`, String(documentCount ?? 0));
  fullTextStatistics?.forEach(({ totalWordCount, hitCounts }, place) => {
    complete = complete
      .replaceAll(`{${PLACEHOLDER}-totalwordcount-${place}}`, String(totalWordCount))
      .replaceAll(`{${PLACEHOLDER}-hitcountsarray-${place}}`, JSON.stringify(hitCounts));
  });
  return complete;
}
