import { assert, type Json } from '../base/index.ts';
import { type CompiledQuery, compileQuery, frameFor } from './compiled-query.ts';
import { type Continuation, encodeContinuation } from './continuation.ts';
import type { ExecuteOptions, QueryPage } from './execute-options.ts';
import { type ComponentQuery, type HybridPlan, hybridPlan, withStatistics } from './hybrid-plan.ts';
import { PageRows } from './page-rows.ts';
import { ENTRY_BYTES, QueryMemory } from './query-memory.ts';
import { NO_FUNCTIONS } from './user-functions.ts';

/**
 * ORDER BY RANK in one request, for what lies in one place: a partition key. The plan that clients follow for
 * many ranges is followed here for one. Clients that were asked for one key follow plans over all keys, so
 * nobody else could give these rows.
 */

/** Rows of a score that are fetched at once. */
const CHUNK_ROWS = 1_000;
/** Of Cormack, Clarke and Büttcher, and of clients. */
const RANK_OFFSET = 60;

/** Runs one query to a page. */
type Execute = (compiled: CompiledQuery, options: ExecuteOptions) => Promise<QueryPage>;

interface ScoredRow {
  readonly _rid: string;
  readonly payload: { readonly payload: Json; readonly componentScores: readonly number[] };
}

/** A page that goes on behind `start.after` rows: each page ranks anew, and nothing is kept between them. */
export async function executeFused(
  compiled: CompiledQuery,
  options: ExecuteOptions,
  start: Continuation,
  execute: Execute,
): Promise<QueryPage> {
  const { parameters, environment } = options;
  const frame = frameFor(compiled, parameters, environment, NO_FUNCTIONS);
  const plan = hybridPlan({ compiled, parameters, frame });
  const costs = { retrievedCount: 0, retrievedBytes: 0, indexHits: 0, charge: 0 };
  const memory = new QueryMemory();
  const run = async (text: string) => {
    const rows: Json[] = [];
    const { continuation: _, isOverdue: __, looksAhead: ___, ...common } = options;
    let continuation: string | undefined;
    do {
      const more = continuation === undefined ? {} : { continuation };
      const page = await execute(compileQuery(text), { ...common, ...more, itemCountMax: CHUNK_ROWS });
      for (const row of page.rows) {
        memory.take(ENTRY_BYTES + 2 * row.length);
        rows.push(JSON.parse(row.toString()) as Json);
      }
      costs.retrievedCount += page.retrievedCount;
      costs.retrievedBytes += page.retrievedBytes;
      costs.indexHits += page.indexHits;
      costs.charge += page.charge;
      continuation = page.continuation;
    } while (continuation !== undefined);
    return rows;
  };
  const ranked = await rank(plan, run);
  const consumed = Math.max(0, start.after);
  const page = new PageRows({ skip: 0, take: Number.POSITIVE_INFINITY }, { ...options, looksAhead: true });
  const end = plan.take === null ? ranked.length : Math.min(ranked.length, plan.skip + plan.take);
  let next = plan.skip + consumed;
  while (next < end && page.offer(JSON.stringify(ranked[next]?.payload.payload))) next++;
  const { skip, take } = start;
  const continuation =
    next < end ? encodeContinuation(compiled.placeText, { after: next - plan.skip, skip, take }) : undefined;
  return { rows: page.rows, continuation, ...costs };
}

/** All rows that any score contributes, best first. */
async function rank(plan: HybridPlan, run: (text: string) => Promise<Json[]>): Promise<ScoredRow[]> {
  const [statistics] = plan.requiresGlobalStatistics ? await run(plan.globalStatisticsQuery) : [];
  const found = new Map<string, ScoredRow>();
  for (const component of plan.componentQueryInfos) {
    for (const row of await run(withStatistics(component.rewrittenQuery, statistics))) {
      const scored = row as unknown as ScoredRow;
      if (!found.has(scored._rid)) found.set(scored._rid, scored);
    }
  }
  const rows = [...found.values()];
  // One score alone: its rows came in order.
  if (plan.componentQueryInfos.length === 1) return rows;
  const fused = new Map<ScoredRow, number>(rows.map((row) => [row, 0]));
  plan.componentQueryInfos.forEach((component, place) => {
    const weight = plan.componentWeights[place] ?? 1;
    addRanks(
      fused,
      (row) => row.payload.componentScores[place] ?? Number.NEGATIVE_INFINITY,
      component,
      weight,
    );
  });
  return rows.sort((a, b) => (fused.get(b) ?? 0) - (fused.get(a) ?? 0));
}

/** Equal scores have one rank. */
function addRanks(
  fused: Map<ScoredRow, number>,
  scoreOf: (row: ScoredRow) => number,
  { orderBy }: ComponentQuery,
  weight: number,
): void {
  const sign = orderBy[0] === 'Ascending' ? 1 : -1;
  const sorted = [...fused.keys()].sort((a, b) => sign * (scoreOf(a) - scoreOf(b)));
  let place = 0;
  let last: number | undefined;
  for (const row of sorted) {
    const score = scoreOf(row);
    assert(Number.isFinite(score), 'every row has every score');
    if (score !== last) place++;
    last = score;
    fused.set(row, (fused.get(row) ?? 0) + weight / (RANK_OFFSET + place));
  }
}
