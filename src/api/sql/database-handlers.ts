import type { JsonObject } from '../../base/index.ts';
import type { HttpResponse } from '../../runtime/index.ts';
import type { Answer, Exchange } from './exchange.ts';
import { metadataFeed } from './metadata-feed.ts';
import { methodNotAllowed } from './method.ts';
import { isQuery } from './query-request.ts';
import { headerOf, objectBody, throughputOf } from './request-headers.ts';
import { emptyResponse, METADATA_CHARGE, resourceResponse } from './response.ts';

export function handleDatabases(exchange: Exchange): Answer {
  const { request, service } = exchange;
  const { resources } = service.engine;
  if (request.method === 'GET' || request.method === 'HEAD' || isQuery(request)) {
    return metadataFeed(exchange, { ownerRid: '', name: 'Databases', resources: resources.listDatabases() });
  }
  if (request.method !== 'POST') throw methodNotAllowed(request);
  return resources
    .createDatabase(objectBody(request), throughputOf(request))
    .then((database) => resourceResponse(exchange, 201, database));
}

export function handleDatabase(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const { resources } = service.engine;
  if (request.method === 'GET' || request.method === 'HEAD') {
    return readResponse(exchange, resources.readDatabase(route.database));
  }
  if (request.method !== 'DELETE') throw methodNotAllowed(request);
  return resources
    .deleteDatabase(route.database, headerOf(request, 'if-match'))
    .then(() => emptyResponse(exchange, 204, METADATA_CHARGE.write));
}

/** 200 with the resource, or 304 when the client has this version already. */
export function readResponse(
  exchange: Exchange,
  resource: JsonObject,
  extra: readonly string[] = [],
): HttpResponse {
  const known = headerOf(exchange.request, 'if-none-match');
  if (known !== undefined && (known === '*' || known === resource._etag)) {
    return emptyResponse(exchange, 304, METADATA_CHARGE.read);
  }
  return resourceResponse(exchange, 200, resource, extra);
}
