import type { Access } from './access.ts';
import { type Accumulator, resultsOf } from './aggregates.ts';
import type { Frame } from './binder.ts';
import {
  type CandidateScope,
  type Candidates,
  chooseCandidates,
  gatherCandidates,
  listed,
} from './candidates.ts';
import type { CompiledQuery } from './compiled-query.ts';
import type { Execution, QueryPage } from './execution.ts';
import type { ItemNumber } from './source.ts';

/** Numbers or postings counted at once. */
const COUNT_CHUNK = 4_096;
/** Counting may gather far more than reading would: nothing is loaded, and a number takes eight bytes. */
const COUNT_GATHER_MAX = 1_000_000;

export function createAccumulators(compiled: CompiledQuery): Accumulator[] {
  return compiled.aggregates.map((call) => call.aggregate.create());
}

/** Feeds the row in `frame` to the accumulators of its query. */
export function accumulateRow(
  compiled: CompiledQuery,
  frame: Frame,
  accumulators: readonly Accumulator[],
): void {
  const { aggregates } = compiled;
  for (let i = 0; i < aggregates.length; i++) {
    const call = aggregates[i];
    if (call !== undefined) accumulators[i]?.add(call.operand(frame));
  }
}

/** The one row that all rows became. Never paged: half a sum is no answer. */
export function finishAggregates(execution: Execution, accumulators: readonly Accumulator[]): QueryPage {
  const { compiled, frame, page } = execution;
  frame.aggregates = resultsOf(accumulators);
  const row = compiled.projection.project(frame, undefined);
  if (row !== undefined && page.take > 0) page.offer(row);
  return execution.finish(undefined);
}

/** The aggregates of all rows, counted from indexes alone where that is enough. */
export async function aggregate(execution: Execution, access: Access): Promise<Accumulator[]> {
  const { compiled, source, epkRange, meter } = execution;
  const accumulators = createAccumulators(compiled);
  const countsRows = compiled.aggregates.every((call) => call.countsRows);
  const scope = { source, access, epkRange, after: -1, meter };
  const count = countsRows && access.isExact ? await countExactly(execution, scope) : undefined;
  if (count !== undefined) {
    for (const accumulator of accumulators) accumulator.addRows?.(count);
    return accumulators;
  }
  const candidates = await chooseCandidates(scope);
  try {
    for (;;) {
      const want = execution.nextChunk(false);
      const numbers = await candidates.numbers.next(want);
      await accumulateChunk(execution, candidates, numbers, accumulators);
      if (numbers.length < want) return accumulators;
    }
  } finally {
    await candidates.numbers.close();
  }
}

async function accumulateChunk(
  execution: Execution,
  candidates: Candidates,
  numbers: readonly ItemNumber[],
  accumulators: readonly Accumulator[],
): Promise<void> {
  const { isExact, isConfined } = candidates;
  const items = await execution.load(numbers);
  let kept = 0;
  for (const item of items) {
    if (item === undefined || !execution.admit(item, { isExact, isConfined, isParsed: true })) continue;
    kept++;
    accumulateRow(execution.compiled, execution.frame, accumulators);
  }
  execution.hits += kept;
  candidates.observe?.(items.length, kept);
}

/** How many items an exact access finds; undefined when that cannot be told without loading items. */
async function countExactly(execution: Execution, scope: CandidateScope): Promise<number | undefined> {
  const { access, epkRange, source, meter } = scope;
  if (access.kind === 'scan' && epkRange === undefined && (access.isPoint || !access.isBelowArray)) {
    const { pathId, range } = access;
    const cursor = source.scanIndex({ pathId, range });
    return countAll(execution, {
      next: async (count) => {
        const postings = await cursor.next(count);
        meter.postings += postings.length;
        return postings;
      },
      close: () => cursor.close(),
    });
  }
  if (access.kind === 'everything' || access.kind === 'nothing') {
    return countAll(execution, (await chooseCandidates(scope)).numbers);
  }
  const gathered = await gatherCandidates({ ...scope, postingsPerLoad: COUNT_GATHER_MAX }, COUNT_GATHER_MAX);
  if (gathered === undefined || !gathered.isExact || !gathered.isConfined) return undefined;
  return countAll(execution, listed(gathered).numbers);
}

async function countAll(
  execution: Execution,
  cursor: { next(count: number): Promise<unknown[]>; close(): Promise<void> },
): Promise<number> {
  try {
    for (let count = 0; ; ) {
      const chunk = await cursor.next(COUNT_CHUNK);
      count += chunk.length;
      if (chunk.length < COUNT_CHUNK) return count;
      await execution.worked(chunk.length);
    }
  } finally {
    await cursor.close();
  }
}
