import { finishInTurns } from '../base/index.ts';
import { type Access, NOTHING } from './access.ts';
import { type Candidates, chooseCandidates, mayGather } from './candidates.ts';
import { type ColumnScan, scanColumns } from './column-scan.ts';
import { type CompiledQuery, frameFor, windowOf } from './compiled-query.ts';
import { withComposites } from './composite-access.ts';
import { type Continuation, decodeContinuation } from './continuation.ts';
import type { ExecuteOptions, QueryPage } from './execute-options.ts';
import { Execution } from './execution.ts';
import { executeFused } from './fused-execution.ts';
import { executeGathering } from './gather-execution.ts';
import { executeOrdered } from './ordered-execution.ts';
import { TEXT_AT_ONCE } from './parser.ts';
import { accessSteps, planAccess, planOrder } from './plan.ts';
import { executeRanked } from './ranked-execution.ts';
import { executeSorted } from './sorted-execution.ts';
import type { ItemNumber } from './source.ts';
import type { Selection } from './syntax.ts';
import { FunctionCalls, NO_FUNCTIONS } from './user-functions.ts';

/** Numbers counted or left out at once. */
const COUNT_CHUNK = 1_024;
/** From so many rows to leave out on it pays to list numbers without the texts of their items. */
const SKIPPED_BARE_MIN = 256;
/**
 * Items of a DISTINCT that are read before asking whether indexes would do instead, and the share of them
 * that must be new rows if not.
 */
const DISTINCT_SAMPLE = 256;
const DISTINCT_SHARE = 16;

/** From so much work of finding candidates on, in postings, the next page is given them. */
const SPENT_TO_KEEP = 1_024;

/**
 * One page of rows. Rows without ORDER BY come in the order of insertion; with it, in the exact order of the
 * index, equal ones by number (falling when the order is). Rejects with DatabaseError `BadRequest` for a
 * continuation that is not ours, a count that is none, and an order that no index can serve.
 */
export async function executePage(compiled: CompiledQuery, options: ExecuteOptions): Promise<QueryPage> {
  const frame = frameFor(compiled, options.parameters, options.environment, functionsOf(compiled, options));
  const window = windowOf(compiled, frame);
  const start: Continuation =
    options.continuation === undefined
      ? { after: -1, ...window }
      : decodeContinuation(compiled.placeText, options.continuation);
  if (compiled.tree.isRanked) return executeFused(compiled, options, start, executePage);
  const execution = new Execution(compiled, frame, start, options);
  if (!compiled.readsItems) {
    await execution.prepareNothing();
    return executeWithoutItems(execution, start);
  }
  // Binding a long condition takes its time; nobody waits for a short one.
  const planned =
    compiled.text.length > TEXT_AT_ONCE
      ? await finishInTurns(accessSteps(compiled, options.indexer, frame), execution.meter.turn)
      : planAccess(compiled, options.indexer, frame);
  const access = withComposites(planned, options.indexer);
  if (compiled.isGathering) return executeGathering(execution, access, start);
  if (compiled.order.length === 0) return executePlain(execution, access, start);
  if (compiled.ranking !== undefined) return executeRanked(execution, access, compiled.ranking, start);
  const order = planOrder(compiled, planned, options.indexer);
  if (access.kind === 'nothing') return execution.finish(undefined);
  return 'kind' in order
    ? executeSorted(execution, { access, composite: order.composite }, start)
    : executeOrdered(execution, order, start);
}

function functionsOf({ callsFunctions }: CompiledQuery, { callFunctions }: ExecuteOptions): FunctionCalls {
  return callsFunctions ? new FunctionCalls(callFunctions) : NO_FUNCTIONS;
}

/** The rows of a query without FROM, or whose FROM names nothing but queries without one. */
async function executeWithoutItems(execution: Execution, start: Continuation): Promise<QueryPage> {
  const { compiled, frame, page } = execution;
  const { predicate } = compiled;
  const isKept = predicate === undefined || (await execution.evaluate(() => predicate(frame)));
  if (compiled.isGathering) return executeGathering(execution, isKept ? undefined : NOTHING, start);
  if (!isKept || start.after >= 0) return execution.finish(undefined);
  let outcome = execution.offerNothing();
  while (outcome === 'busy') {
    await execution.pause();
    outcome = execution.goOn();
  }
  const after = outcome === 'refused' ? start.after : 0;
  return execution.finish(page.isFull ? execution.continuationAt({ after }) : undefined);
}

async function executePlain(execution: Execution, access: Access, start: Continuation): Promise<QueryPage> {
  const { source, epkRange, meter, page, hasToReplay } = execution;
  // What earlier pages gave must be known again before anything else is new.
  const after = hasToReplay ? -1 : start.after;
  const isBare = page.skip > SKIPPED_BARE_MIN;
  const scope = { source, access, epkRange, after, meter, isBare, isOptional: true };
  const kept = start.after >= 0 && mayGather(scope) ? execution.takeCandidates() : undefined;
  const candidates = await chooseCandidates(scope, kept);
  const position = { after, replayTo: start.after };
  execution.isReplaying = hasToReplay && start.after >= 0;
  try {
    const isMore =
      (await skipUnread(execution, candidates, position)) &&
      (await fillPage(execution, candidates, access, position));
    if (!isMore && !page.isFull) return execution.finish(undefined);
    // What was taken over was worth it before; what is left can only have become less.
    const { gathered } = candidates;
    const isWorthIt = gathered !== undefined && (kept !== undefined || meter.spent >= SPENT_TO_KEEP);
    const rest = isWorthIt ? { candidates: gathered } : {};
    return execution.finish(execution.continuationAt(position, undefined, rest));
  } finally {
    await candidates.numbers.close();
  }
}

interface Position {
  after: ItemNumber;
  /** Items up to it belong to earlier pages. */
  readonly replayTo: ItemNumber;
}

/**
 * Leaves out rows of OFFSET without loading them, where each number is sure to be a row. False at the end.
 */
async function skipUnread(
  execution: Execution,
  { numbers, isExact, isConfined }: Candidates,
  position: Position,
): Promise<boolean> {
  const { page, compiled } = execution;
  // A VALUE expression may have no value, and then there is no row; of arrays there may be none or many.
  const isPlain = compiled.reader.levels.length === 0 && compiled.block.inner === undefined;
  const isOneRowEach = isPlain && hasValue(compiled.tree.selection);
  if (!isExact || !isConfined || !isOneRowEach || execution.isDistinct) return true;
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
  access: Access,
  position: Position,
): Promise<boolean> {
  const { page } = execution;
  const distinctBefore = execution.distinctCount;
  let isSampled = !execution.isDistinct;
  let read = 0;
  while (!page.isClosed) {
    if (!isSampled && read >= DISTINCT_SAMPLE) {
      isSampled = true;
      // Rows that are seldom new: far more items than the page has rows will have to be looked at.
      if ((execution.distinctCount - distinctBefore) * DISTINCT_SHARE < read) {
        const columns = await scanColumns(execution, access, position.after);
        if (columns !== undefined) return fillFromColumns(execution, columns, position);
      }
    }
    const want = execution.nextChunk(candidates.isExact && candidates.isConfined);
    const numbers = await candidates.numbers.next(want);
    if (!(await consumeChunk(execution, candidates, numbers, position))) return page.isFull;
    read += numbers.length;
    if (numbers.length < want) return false;
    if (execution.isOverdue) return true;
  }
  return page.isFull;
}

/** As `fillPage`, with the properties of the items in place of the items. */
async function fillFromColumns(
  execution: Execution,
  columns: ColumnScan,
  position: Position,
): Promise<boolean> {
  for (let chunk = await columns.next(); chunk !== undefined; chunk = await columns.next()) {
    for (const { number, item } of chunk) {
      if (execution.isReplaying) execution.isReplaying = number <= position.replayTo;
      let outcome = execution.offerColumns(item, columns);
      while (outcome === 'busy') {
        await execution.pause();
        outcome = execution.goOn();
      }
      if (outcome === 'refused') return execution.page.isFull;
      position.after = number;
      execution.noteRows();
      if (execution.isPauseDue) await execution.pause();
    }
    if (execution.isOverdue) return true;
  }
  return false;
}

/** False when the page closed before the last of `numbers` was consumed. */
async function consumeChunk(
  execution: Execution,
  candidates: Candidates,
  numbers: readonly ItemNumber[],
  position: Position,
): Promise<boolean> {
  if (numbers.length === 0) return true;
  const { isExact, isConfined } = candidates;
  execution.frame.functions.forget();
  const items = await execution.load(numbers);
  let kept = 0;
  for (let i = 0; i < items.length; i++) {
    if (execution.isReplaying) execution.isReplaying = (numbers[i] as ItemNumber) <= position.replayTo;
    let outcome = execution.offer(items[i], { isExact, isConfined });
    while (outcome === 'busy') {
      await execution.pause();
      outcome = execution.goOn();
    }
    if (outcome === 'refused') return false;
    if (outcome === 'kept') kept++;
    position.after = numbers[i] as ItemNumber;
    if (execution.isPauseDue) await execution.pause();
  }
  candidates.observe?.(items.length, kept);
  return true;
}

/**
 * Whether every item has something to give: a VALUE expression may have none, unless it is the item's id.
 */
function hasValue(selection: Selection): boolean {
  if (selection.kind !== 'value') return true;
  const { expression } = selection;
  if (expression.kind === 'constant') return expression.value !== undefined;
  if (expression.kind === 'member') return expression.name === 'id' && expression.object.kind === 'name';
  return expression.kind === 'name';
}
