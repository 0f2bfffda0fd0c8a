import type { QueryMetrics, QueryRequest } from '../../engine/index.ts';
import { parseFeatures, planForClient } from '../../query/index.ts';
import type { Answer, Exchange } from './exchange.ts';
import { querySpecOf } from './query-request.ts';
import { containerPath, feedScope, headerOf, isSet, type Mutable } from './request-headers.ts';
import { commonHeaders, feedResponse } from './response.ts';

/** Plans are free. */
const PLAN_CHARGE = 0;

/** How a client should spread the query over ranges and put the parts together. */
export function handleQueryPlan(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const container = service.engine.resources.containerOf(containerPath(route));
  const features = headerOf(request, 'x-ms-cosmos-supported-query-features');
  const plan = planForClient(
    querySpecOf(request),
    container.definition.partitionKey,
    features === undefined ? undefined : parseFeatures(features),
  );
  return { status: 200, headers: commonHeaders(exchange, PLAN_CHARGE), body: JSON.stringify(plan) };
}

export function handleItemQuery(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const query: Mutable<QueryRequest> = { ...feedScope(request, route), spec: querySpecOf(request) };
  const wantsMetrics = isSet(request, 'x-ms-documentdb-populatequerymetrics');
  if (wantsMetrics) query.wantMetrics = true;
  return service.engine.items.query(query).then((answer) => {
    const response = feedResponse(exchange, answer);
    if (!wantsMetrics || answer.metrics === undefined) return response;
    const headers = [...response.headers, 'x-ms-documentdb-query-metrics', metricsText(answer.metrics)];
    return { ...response, headers };
  });
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
