import type { Access } from './access.ts';
import { accumulateRow, aggregate, createAccumulators, finishAggregates } from './aggregate-execution.ts';
import { type Candidates, chooseCandidates } from './candidates.ts';
import { type CompiledQuery, frameFor, windowOf } from './compiled-query.ts';
import { type Continuation, decodeContinuation, encodeContinuation } from './continuation.ts';
import { type ExecuteOptions, Execution, PageRows, type QueryPage } from './execution.ts';
import { executeOrdered } from './ordered-execution.ts';
import { planAccess, planOrder } from './plan.ts';
import type { ItemNumber } from './source.ts';

/** Numbers counted or left out at once. */
const COUNT_CHUNK = 4_096;

/**
 * One page of rows. Rows without ORDER BY come in the order of insertion; with it, in the exact order of the
 * index, equal ones by number (falling when the order is). Rejects with DatabaseError `BadRequest` for a
 * continuation that is not ours, a count that is none, and an order that no index can serve.
 */
export async function executePage(compiled: CompiledQuery, options: ExecuteOptions): Promise<QueryPage> {
  const frame = frameFor(compiled, options.parameters, options.environment);
  const window = windowOf(compiled, frame);
  const start: Continuation =
    options.continuation === undefined
      ? { after: -1, ...window }
      : decodeContinuation(compiled.text, options.continuation);
  const execution = new Execution(compiled, frame, new PageRows(start, options), options);
  if (!compiled.readsItems) return executeWithoutItems(execution, start);
  const access = planAccess(compiled, options.indexer, frame);
  if (compiled.aggregates.length > 0) return finishAggregates(execution, await aggregate(execution, access));
  if (compiled.order.length === 0) return executePlain(execution, access, start);
  const order = planOrder(compiled, access, options.indexer);
  return access.kind === 'nothing' ? execution.finish(undefined) : executeOrdered(execution, order, start);
}

/** One row from nothing; aggregates see that row. */
function executeWithoutItems(execution: Execution, start: Continuation): QueryPage {
  const { compiled, frame, page } = execution;
  if (compiled.aggregates.length > 0) {
    const accumulators = createAccumulators(compiled);
    if (compiled.predicate === undefined || compiled.predicate(frame))
      accumulateRow(compiled, frame, accumulators);
    return finishAggregates(execution, accumulators);
  }
  if (start.after >= 0 || (compiled.predicate !== undefined && !compiled.predicate(frame)))
    return execution.finish(undefined);
  const row = compiled.projection.project(frame, undefined);
  if (row !== undefined && page.take > 0) page.offer(row);
  return execution.finish(
    page.isFull ? encodeContinuation(compiled.text, { after: 0, skip: 0, take: 0 }) : undefined,
  );
}

async function executePlain(execution: Execution, access: Access, start: Continuation): Promise<QueryPage> {
  const { compiled, source, epkRange, meter, page } = execution;
  const candidates = await chooseCandidates({ source, access, epkRange, after: start.after, meter });
  const position = { after: start.after };
  try {
    const isMore =
      (await skipUnread(execution, candidates, position)) &&
      (await fillPage(execution, candidates, position));
    if (!isMore && !page.isFull) return execution.finish(undefined);
    const { skip, take } = page;
    return execution.finish(encodeContinuation(compiled.text, { after: position.after, skip, take }));
  } finally {
    await candidates.numbers.close();
  }
}

/**
 * Leaves out rows of OFFSET without loading them, where each number is sure to be a row. False at the end.
 */
async function skipUnread(
  execution: Execution,
  { numbers, isExact, isConfined }: Candidates,
  position: { after: ItemNumber },
): Promise<boolean> {
  const { page, compiled } = execution;
  // A VALUE expression may have no value, and then there is no row.
  if (!isExact || !isConfined || compiled.tree.selection.kind === 'value') return true;
  while (page.skip > 0) {
    const want = Math.min(page.skip, COUNT_CHUNK);
    const skipped = await numbers.next(want);
    page.skip -= skipped.length;
    position.after = skipped[skipped.length - 1] ?? position.after;
    if (skipped.length < want) return false;
    await execution.worked(skipped.length);
  }
  return true;
}

/** Returns whether items are left that were not consumed, or may be. */
async function fillPage(
  execution: Execution,
  candidates: Candidates,
  position: { after: ItemNumber },
): Promise<boolean> {
  const { page } = execution;
  while (!page.isClosed) {
    const want = execution.nextChunk(candidates.isExact && candidates.isConfined);
    const numbers = await candidates.numbers.next(want);
    if (!(await consumeChunk(execution, candidates, numbers, position))) return page.isFull;
    if (numbers.length < want) return false;
    if (execution.isOverdue) return true;
  }
  return page.isFull;
}

/** False when the page closed before the last of `numbers` was consumed. */
async function consumeChunk(
  execution: Execution,
  candidates: Candidates,
  numbers: readonly ItemNumber[],
  position: { after: ItemNumber },
): Promise<boolean> {
  if (numbers.length === 0) return true;
  const { isExact, isConfined } = candidates;
  const items = await execution.load(numbers);
  let kept = 0;
  for (let i = 0; i < items.length; i++) {
    const outcome = execution.offer(items[i], { isExact, isConfined });
    if (outcome === 'refused') return false;
    if (outcome === 'kept') kept++;
    position.after = numbers[i] as ItemNumber;
  }
  candidates.observe?.(items.length, kept);
  return true;
}
