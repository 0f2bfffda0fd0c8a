import type { FeedScope, ItemTarget, ItemWrite, TriggerNames } from '../../engine/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import type { HttpRequest } from '../../runtime/index.ts';
import { handleBatch } from './batch-handler.ts';
import type { Answer, Exchange } from './exchange.ts';
import { methodNotAllowed } from './method.ts';
import { handleItemQuery, handleQueryPlan } from './query-handlers.ts';
import { isQuery, isQueryPlan } from './query-request.ts';
import {
  addContext,
  addIndexing,
  addPreconditions,
  containerPath,
  feedScope,
  headerOf,
  isMinimal,
  isSet,
  type Mutable,
  partitionKeyOf,
} from './request-headers.ts';
import { dataHeaders, feedResponse, itemResponse } from './response.ts';

/** `…/docs`: one path for feeds, queries, plans, batches, upserts and creates, told apart by headers. */
export function handleItems(exchange: Exchange): Answer {
  const { request } = exchange;
  if (request.method === 'GET' || request.method === 'HEAD') return listItems(exchange);
  if (request.method !== 'POST') throw methodNotAllowed(request);
  if (isQueryPlan(request)) return handleQueryPlan(exchange);
  if (isSet(request, 'x-ms-cosmos-is-batch-request')) return handleBatch(exchange);
  if (isQuery(request)) return handleItemQuery(exchange);
  return writeItem(exchange);
}

export function handleItem(exchange: Exchange): Answer {
  const { request, service } = exchange;
  const { items } = service.engine;
  const target: Mutable<ItemTarget> = itemTarget(exchange);
  switch (request.method) {
    case 'GET':
    case 'HEAD': {
      const answer = items.read(target);
      if (!(answer instanceof Promise)) return itemResponse(exchange, answer);
      return answer.then((later) => itemResponse(exchange, later));
    }
    case 'PUT':
      addTriggers(request, target);
      return items
        .replace(target, request.body)
        .then((answer) => itemResponse(exchange, answer, isMinimal(request)));
    case 'PATCH':
      refuseTriggers(request);
      return items
        .patch(target, request.body)
        .then((answer) => itemResponse(exchange, answer, isMinimal(request)));
    case 'DELETE':
      addTriggers(request, target);
      return items.delete(target).then((answer) => itemResponse(exchange, answer));
    default:
      throw methodNotAllowed(request);
  }
}

/** `…/operations/partitionkeydelete`. */
export function handleKeyDelete(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  if (request.method !== 'POST') throw methodNotAllowed(request);
  const scope: FeedScope = feedScope(request, route);
  if (scope.partitionKey === undefined) {
    throw new DatabaseError(
      'BadRequest',
      "The header 'x-ms-documentdb-partitionkey' is required to delete a partition key.",
    );
  }
  return service.engine.items
    .deletePartitionKey(scope)
    .then((head) => ({ status: 200, headers: dataHeaders(exchange, head), body: undefined }));
}

function itemTarget({ request, route }: Exchange): ItemTarget {
  const target: Mutable<ItemTarget> = {
    path: containerPath(route),
    id: route.id,
    partitionKey: partitionKeyOf(request),
  };
  addContext(request, target);
  addPreconditions(request, target);
  addIndexing(request, target);
  return target;
}

function writeItem(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const { items } = service.engine;
  const write: Mutable<ItemWrite> = {
    path: containerPath(route),
    partitionKey: partitionKeyOf(request),
    body: request.body,
  };
  addContext(request, write);
  addPreconditions(request, write);
  addIndexing(request, write);
  addTriggers(request, write);
  const done = isSet(request, 'x-ms-documentdb-is-upsert') ? items.upsert(write) : items.create(write);
  return done.then((answer) => itemResponse(exchange, answer, isMinimal(request)));
}

function listItems(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const changeFeed = headerOf(request, 'a-im');
  if (changeFeed !== undefined) {
    throw new DatabaseError(
      'BadRequest',
      `The change feed ('A-IM: ${changeFeed}') is not supported by this server.`,
    );
  }
  return service.engine.items
    .list(feedScope(request, route))
    .then((answer) => feedResponse(exchange, answer));
}

/** Triggers are run by name only, and never by a patch: it would write without what it was asked to guard. */
function refuseTriggers(request: HttpRequest): void {
  if (triggersOf(request) === undefined) return;
  throw new DatabaseError('BadRequest', 'Triggers are not run by partial updates.');
}

function addTriggers(request: HttpRequest, write: { triggers?: TriggerNames }): void {
  const triggers = triggersOf(request);
  if (triggers !== undefined) write.triggers = triggers;
}

function triggersOf(request: HttpRequest): TriggerNames | undefined {
  const pre = headerOf(request, 'x-ms-documentdb-pre-trigger-include');
  const post = headerOf(request, 'x-ms-documentdb-post-trigger-include');
  if (pre === undefined && post === undefined) return undefined;
  return { pre: namesIn(pre), post: namesIn(post) };
}

function namesIn(list = ''): string[] {
  const names = list.split(',').map((name) => name.trim());
  return names.filter((name) => name !== '');
}
