import type { ContainerPath } from '../../engine/index.ts';
import { readResponse } from './database-handlers.ts';
import type { Answer, Exchange } from './exchange.ts';
import { metadataFeed } from './metadata-feed.ts';
import { methodNotAllowed } from './method.ts';
import { isQuery } from './query-request.ts';
import { containerPath, headerOf, isSet, objectBody, throughputOf } from './request-headers.ts';
import { emptyResponse, METADATA_CHARGE, pathText, resourceResponse } from './response.ts';

export function handleContainers(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const { resources } = service.engine;
  if (request.method === 'GET' || request.method === 'HEAD' || isQuery(request)) {
    const feed = { ownerRid: resources.databaseRid(route.database), name: 'DocumentCollections' };
    return metadataFeed(exchange, { ...feed, resources: resources.listContainers(route.database) });
  }
  if (request.method !== 'POST') throw methodNotAllowed(request);
  return resources
    .createContainer(route.database, objectBody(request), throughputOf(request))
    .then((container) => resourceResponse(exchange, 201, container, ownerHeaders(exchange)));
}

export function handleContainer(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const { resources } = service.engine;
  const path = containerPath(route);
  switch (request.method) {
    case 'GET':
    case 'HEAD': {
      const container = resources.readContainer(path);
      const wantsQuota = isSet(request, 'x-ms-documentdb-populatequotainfo');
      const quota = wantsQuota ? quotaHeaders(exchange, path, indexingModeOf(container)) : [];
      return readResponse(exchange, container, [...ownerHeaders(exchange), ...quota]);
    }
    case 'PUT':
      return resources
        .replaceContainer(path, objectBody(request), headerOf(request, 'if-match'))
        .then((container) => resourceResponse(exchange, 200, container, ownerHeaders(exchange)));
    case 'DELETE':
      return resources
        .deleteContainer(path, headerOf(request, 'if-match'))
        .then(() => emptyResponse(exchange, 204, METADATA_CHARGE.write));
    default:
      throw methodNotAllowed(request);
  }
}

function ownerHeaders({ route, service }: Exchange): string[] {
  const database = service.engine.resources.readDatabase(route.database);
  const path = pathText(`dbs/${String(database.id)}`);
  return ['x-ms-content-path', String(database._rid), 'x-ms-alt-content-path', path];
}

/** What a container may hold, as the hosted service tells it, in KB: 10 GB, whatever is provisioned. */
const COLLECTION_KB = 10_485_760;

function quotaHeaders({ service }: Exchange, path: ContainerPath, indexingMode: string): string[] {
  const { itemCount, itemBytes, indexPercent } = service.engine.resources.usage(path);
  const usedKb = Math.ceil(itemBytes / 1024);
  const fixed = 'functions=25;storedProcedures=100;triggers=25;';
  const room = `documentsSize=${COLLECTION_KB};documentsCount=-1;collectionSize=${COLLECTION_KB};`;
  const quota = `${fixed}documentSize=10240;${room}`;
  const none = 'functions=0;storedProcedures=0;triggers=0;';
  const used = `documentsSize=${usedKb};documentsCount=${itemCount};collectionSize=${usedKb};`;
  const usage = `${none}documentSize=0;${used}`;
  const headers = ['x-ms-resource-quota', quota, 'x-ms-resource-usage', usage];
  const progress = String(indexPercent);
  headers.push('x-ms-documentdb-collection-index-transformation-progress', progress);
  if (indexingMode === 'lazy') headers.push('x-ms-documentdb-collection-lazy-indexing-progress', progress);
  return headers;
}

function indexingModeOf(container: { readonly [name: string]: unknown }): string {
  const policy = container.indexingPolicy as { readonly indexingMode?: string } | undefined;
  return policy?.indexingMode ?? '';
}
