import type { FeedAnswer, QueryMetrics, QueryRequest } from '../../engine/index.ts';
import { parseFeatures, planInTurns, prepareQuery } from '../../query/index.ts';
import { searchPolicies } from '../../resource/index.ts';
import { type HttpResponse, Turns } from '../../runtime/index.ts';
import type { Answer, Exchange } from './exchange.ts';
import { querySpecOf } from './query-request.ts';
import { containerPath, feedScope, headerOf, isSet, type Mutable } from './request-headers.ts';
import { commonHeaders, feedResponse } from './response.ts';

/** Plans are free. */
const PLAN_CHARGE = 0;

/** How a client should spread the query over ranges and put the parts together. */
export async function handleQueryPlan(exchange: Exchange): Promise<HttpResponse> {
  const { request, route, service } = exchange;
  const container = service.engine.resources.containerOf(containerPath(route));
  const features = headerOf(request, 'x-ms-cosmos-supported-query-features');
  const spec = querySpecOf(request);
  const { runtime } = service;
  const turn = new Turns(runtime).begin();
  await prepareQuery(spec.query, turn);
  const plan = await planInTurns(
    spec,
    { partitionKey: container.definition.partitionKey, search: searchPolicies(container.definition) },
    features === undefined ? undefined : parseFeatures(features),
    turn,
  );
  return { status: 200, headers: commonHeaders(exchange, PLAN_CHARGE), body: JSON.stringify(plan) };
}

/** Asks for what was read and how: the answer's header of the same name has it, percent-encoded JSON. */
const EXPLAIN = 'x-orrery-explain';

export function handleItemQuery(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const query: Mutable<QueryRequest> = { ...feedScope(request, route), spec: querySpecOf(request) };
  const wantsMetrics = isSet(request, 'x-ms-documentdb-populatequerymetrics');
  const wantsIndexes = isSet(request, 'x-ms-cosmos-populateindexmetrics-v2');
  const wantsPlan = isSet(request, EXPLAIN);
  if (wantsMetrics || wantsIndexes || wantsPlan) query.wantMetrics = true;
  if (!isSet(request, 'x-ms-documentdb-query-enablecrosspartition')) query.staysInOneKey = true;
  return service.engine.items.query(query).then((answer) => {
    const { metrics } = answer;
    if (metrics === undefined) return feedResponse(exchange, answer);
    const headers: string[] = [];
    if (wantsMetrics) headers.push('x-ms-documentdb-query-metrics', metricsText(metrics));
    if (wantsIndexes) headers.push('x-ms-cosmos-index-utilization', utilizationText(metrics));
    if (wantsPlan) headers.push(EXPLAIN, explanationText(answer, metrics));
    return feedResponse(exchange, answer, headers);
  });
}

/** Version 2 of the published form. */
function utilizationText({ explanation }: QueryMetrics): string {
  const indexes = (paths: readonly string[] = [], composites: readonly (readonly string[])[] = []) => ({
    SingleIndexes: paths.map((path) => ({ IndexSpec: path })),
    CompositeIndexes: composites.map((specs) => ({ IndexSpecs: specs })),
  });
  const text = JSON.stringify({
    UtilizedIndexes: indexes(explanation?.usedIndexes, explanation?.usedComposites),
    PotentialIndexes: indexes(explanation?.missingIndexes),
  });
  return encodeURIComponent(text);
}

function explanationText({ rows, charge }: FeedAnswer, metrics: QueryMetrics): string {
  const { explanation, totalMs, compileMs, retrievedCount, retrievedBytes } = metrics;
  const head = {
    rows: rows.length,
    requestUnits: charge,
    totalMs,
    compileMs,
    retrievedCount,
    retrievedBytes,
  };
  return encodeURIComponent(JSON.stringify({ ...head, ...explanation }));
}

/** The JS SDK splits each part at `=` and breaks on a part without one: no `;` at the end. */
function metricsText(metrics: QueryMetrics): string {
  const parts: readonly (readonly [string, number])[] = [
    ['totalExecutionTimeInMs', metrics.totalMs],
    ['queryCompileTimeInMs', metrics.compileMs],
    // The planner does its steps in one; their share is in the compile time.
    ['queryLogicalPlanBuildTimeInMs', 0],
    ['queryPhysicalPlanBuildTimeInMs', 0],
    ['queryOptimizationTimeInMs', 0],
    ['VMExecutionTimeInMs', Math.max(0, metrics.totalMs - metrics.compileMs)],
    ['indexLookupTimeInMs', metrics.indexLookupMs],
    ['documentLoadTimeInMs', metrics.documentLoadMs],
    ['systemFunctionExecuteTimeInMs', 0],
    ['userFunctionExecuteTimeInMs', 0],
    ['retrievedDocumentCount', metrics.retrievedCount],
    ['retrievedDocumentSize', metrics.retrievedBytes],
    ['outputDocumentCount', metrics.outputCount],
    ['outputDocumentSize', metrics.outputBytes],
    ['writeOutputTimeInMs', 0],
    ['indexUtilizationRatio', metrics.indexHitRatio],
  ];
  return parts.map(([name, value]) => `${name}=${formatNumber(name, value)}`).join(';');
}

function formatNumber(name: string, value: number): string {
  return name.endsWith('Count') || name.endsWith('Size') ? String(value) : value.toFixed(2);
}
