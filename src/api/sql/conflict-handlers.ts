import { readResponse } from './database-handlers.ts';
import type { Answer, Exchange } from './exchange.ts';
import { metadataFeed } from './metadata-feed.ts';
import { methodNotAllowed } from './method.ts';
import { isQuery } from './query-request.ts';
import { containerPath } from './request-headers.ts';
import { emptyResponse, METADATA_CHARGE } from './response.ts';

/** `…/conflicts`: a feed that nobody can add to. */
export function handleConflicts(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const { conflicts, resources } = service.engine;
  if (request.method !== 'GET' && request.method !== 'HEAD' && !isQuery(request)) {
    throw methodNotAllowed(request);
  }
  const path = containerPath(route);
  const ownerRid = resources.containerOf(path).rid;
  return conflicts
    .list(path)
    .then((entries) => metadataFeed(exchange, { ownerRid, name: 'Conflicts', resources: entries }));
}

export function handleConflict(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const { conflicts } = service.engine;
  const path = containerPath(route);
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return conflicts.read(path, route.id).then((conflict) => readResponse(exchange, conflict));
    case 'DELETE':
      return conflicts.delete(path, route.id).then(() => emptyResponse(exchange, 204, METADATA_CHARGE.write));
    default:
      throw methodNotAllowed(request);
  }
}
