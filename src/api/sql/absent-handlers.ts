import { DatabaseError } from '../../errors/index.ts';
import type { Answer, Exchange } from './exchange.ts';
import { metadataFeed } from './metadata-feed.ts';
import { methodNotAllowed } from './method.ts';
import { isQuery } from './query-request.ts';
import { containerPath } from './request-headers.ts';

/** Kinds of resource that this server keeps none of: their feeds are empty, their members not found. */
const ABSENT: Readonly<Record<string, { readonly array: string; readonly noun: string }>> = {
  users: { array: 'Users', noun: 'Users' },
  permissions: { array: 'Permissions', noun: 'Permissions' },
  clientencryptionkeys: { array: 'ClientEncryptionKeys', noun: 'Client encryption keys' },
};

export function handleAbsentFeed(exchange: Exchange): Answer {
  const { request, route } = exchange;
  const { array = '', noun = '' } = ABSENT[route.type] ?? {};
  const ownerRid = ownerRidOf(exchange);
  if (request.method === 'GET' || request.method === 'HEAD' || isQuery(request)) {
    return metadataFeed(exchange, { ownerRid, name: array, resources: [] });
  }
  if (request.method !== 'POST') throw methodNotAllowed(request);
  throw new DatabaseError('BadRequest', `${noun} are not supported by this server.`);
}

export function handleAbsentMember(exchange: Exchange): Answer {
  ownerRidOf(exchange);
  throw new DatabaseError('NotFound', `Resource Not Found: there is no '${exchange.route.link}'.`);
}

/** @throws DatabaseError when the owner itself does not exist. */
function ownerRidOf({ route, service }: Exchange): string {
  const { resources } = service.engine;
  return route.container === ''
    ? resources.databaseRid(route.database)
    : resources.containerOf(containerPath(route)).rid;
}
