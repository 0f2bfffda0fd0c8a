import type { AnswerHead, BatchResult, ItemAnswer, ItemTarget, ItemWrite } from '../../engine/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import { type PartitionKey, parsePartitionKeyHeader } from '../../resource/index.ts';
import type { HttpResponse } from '../../runtime/index.ts';
import { handleAtomicBatch } from './atomic-batch-handler.ts';
import { type BatchOperation, parseBatch } from './batch-body.ts';
import { addResult, FAILURE_CHARGE } from './batch-results.ts';
import type { Exchange } from './exchange.ts';
import { headOfFailure } from './failure.ts';
import { joinText } from './feed.ts';
import {
  addContext,
  containerPath,
  isMinimal,
  isSet,
  type Mutable,
  partitionKeyOf,
  rangeIdOf,
} from './request-headers.ts';
import { commonHeaders, dataHeaders } from './response.ts';

/**
 * Bulk requests: independent operations in one request, answered by a list of the same length and order.
 * Whatever happens to single operations, the request itself succeeds. Atomic ones go their own way.
 */

type Outcome =
  | { readonly answer: ItemAnswer }
  | { readonly error: DatabaseError }
  /** Not tried, since an earlier operation failed. */
  | 'skipped';

export function handleBatch(exchange: Exchange): Promise<HttpResponse> {
  const { request } = exchange;
  if (isSet(request, 'x-ms-cosmos-batch-atomic')) return handleAtomicBatch(exchange);
  checkRange(exchange);
  const operations = parseBatch(request.body);
  const goesOn = isSet(request, 'x-ms-cosmos-batch-continue-on-error');
  const done = goesOn ? runTogether(exchange, operations) : runUntilFailure(exchange, operations);
  return done.then((outcomes) => bulkResponse(exchange, operations, outcomes));
}

/** @throws DatabaseError `PartitionKeyRangeGone` when the client's map of ranges is out of date. */
function checkRange({ request, route, service }: Exchange): void {
  const rangeId = rangeIdOf(request);
  const { partitions } = service.engine.resources.containerOf(containerPath(route));
  if (rangeId === undefined || partitions.some(({ id }) => id === rangeId)) return;
  throw new DatabaseError('PartitionKeyRangeGone', `The partition key range '${rangeId}' is gone.`);
}

/**
 * Operations on one item follow each other in the order given; the others share the wait for the log, or a
 * hundred creates would take a hundred syncs.
 */
function runTogether(exchange: Exchange, operations: readonly BatchOperation[]): Promise<Outcome[]> {
  const last = new Map<string, Promise<Outcome>>();
  const outcomes = operations.map((operation): Promise<Outcome> => {
    const item = operation.id === undefined ? undefined : `${operation.partitionKey}\n${operation.id}`;
    const before = item === undefined ? undefined : last.get(item);
    const outcome =
      before === undefined ? run(exchange, operation) : before.then(() => run(exchange, operation));
    if (item !== undefined) last.set(item, outcome);
    return outcome;
  });
  return Promise.all(outcomes);
}

async function runUntilFailure(
  exchange: Exchange,
  operations: readonly BatchOperation[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let hasFailed = false;
  for (const operation of operations) {
    const outcome: Outcome = hasFailed ? 'skipped' : await run(exchange, operation);
    hasFailed ||= typeof outcome === 'object' && 'error' in outcome;
    outcomes.push(outcome);
  }
  return outcomes;
}

/** Rejects only for faults of our own. */
async function run(exchange: Exchange, operation: BatchOperation): Promise<Outcome> {
  try {
    return { answer: await perform(exchange, operation) };
  } catch (error) {
    if (error instanceof DatabaseError) return { error };
    throw error;
  }
}

function perform(exchange: Exchange, operation: BatchOperation): Promise<ItemAnswer> | ItemAnswer {
  const { items } = exchange.service.engine;
  const { type, resourceBody } = operation;
  if (type === 'Create') return items.create(writeOf(exchange, operation));
  if (type === 'Upsert') return items.upsert(writeOf(exchange, operation));
  const target = targetOf(exchange, operation);
  if (type === 'Read') return items.read(target);
  if (type === 'Delete') return items.delete(target);
  return type === 'Replace' ? items.replace(target, resourceBody) : items.patch(target, resourceBody);
}

function writeOf({ request, route }: Exchange, operation: BatchOperation): ItemWrite {
  const write: Mutable<ItemWrite> = {
    path: containerPath(route),
    partitionKey: keyOf(operation) ?? partitionKeyOf(request),
    body: operation.resourceBody,
  };
  addContext(request, write);
  if (operation.ifMatch !== undefined) write.ifMatch = operation.ifMatch;
  return write;
}

function targetOf({ request, route }: Exchange, operation: BatchOperation): ItemTarget {
  if (operation.id === undefined)
    throw new DatabaseError('BadRequest', `The ${operation.type} operation lacks an id.`);
  const target: Mutable<ItemTarget> = {
    path: containerPath(route),
    id: operation.id,
    partitionKey: keyOf(operation) ?? partitionKeyOf(request),
  };
  addContext(request, target);
  if (operation.ifMatch !== undefined) target.ifMatch = operation.ifMatch;
  if (operation.ifNoneMatch !== undefined) target.ifNoneMatch = operation.ifNoneMatch;
  return target;
}

function keyOf({ partitionKey }: BatchOperation): PartitionKey | undefined {
  return partitionKey === undefined ? undefined : parsePartitionKeyHeader(partitionKey);
}

function bulkResponse(
  exchange: Exchange,
  operations: readonly BatchOperation[],
  outcomes: readonly Outcome[],
): HttpResponse {
  const isShort = isMinimal(exchange.request);
  const pieces: (Buffer | string)[] = ['['];
  const heads = new Map<string, AnswerHead>();
  let charge = 0;
  outcomes.forEach((outcome, index) => {
    if (index > 0) pieces.push(',');
    charge += chargeOf(outcome);
    const head = positionOf(outcome);
    // Operations finish in any order: the furthest position of a range is the one that covers them all.
    if (head !== undefined && head.lsn >= (heads.get(head.rangeId)?.lsn ?? 0)) heads.set(head.rangeId, head);
    addResult(pieces, resultOf(outcome), isShort && operations[index]?.type !== 'Read');
  });
  pieces.push(']');
  const [first, ...others] = heads.values();
  if (first === undefined)
    return { status: 200, headers: commonHeaders(exchange, charge), body: joinText(pieces) };
  const sessionToken = [first, ...others].map((head) => head.sessionToken).join(',');
  const headers = dataHeaders(exchange, { ...first, charge, sessionToken });
  return { status: 200, headers, body: joinText(pieces) };
}

function positionOf(outcome: Outcome): AnswerHead | undefined {
  if (outcome === 'skipped') return undefined;
  return 'answer' in outcome ? outcome.answer : headOfFailure(outcome.error);
}

function chargeOf(outcome: Outcome): number {
  if (outcome === 'skipped') return 0;
  return 'answer' in outcome ? outcome.answer.charge : FAILURE_CHARGE;
}

function resultOf(outcome: Outcome): BatchResult {
  if (outcome === 'skipped') return 'failed dependency';
  return 'answer' in outcome ? outcome.answer : outcome;
}
