import type { Json } from '../../base/index.ts';
import type { ScriptExecution, ScriptPath } from '../../engine/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import type { ScriptResourceKind } from '../../resource/index.ts';
import { readResponse } from './database-handlers.ts';
import type { Answer, Exchange } from './exchange.ts';
import { metadataFeed } from './metadata-feed.ts';
import { methodNotAllowed } from './method.ts';
import { isQuery } from './query-request.ts';
import {
  addContext,
  containerPath,
  headerOf,
  isSet,
  type Mutable,
  objectBody,
  partitionKeyOf,
} from './request-headers.ts';
import { dataHeaders, emptyResponse, METADATA_CHARGE, resourceResponse } from './response.ts';

/** By the word of the path, which is also the type that clients sign. */
const KINDS: Readonly<Record<string, { readonly kind: ScriptResourceKind; readonly array: string }>> = {
  sprocs: { kind: 'storedProcedure', array: 'StoredProcedures' },
  triggers: { kind: 'trigger', array: 'Triggers' },
  udfs: { kind: 'userDefinedFunction', array: 'UserDefinedFunctions' },
};

function kindOf(type: string): { readonly kind: ScriptResourceKind; readonly array: string } {
  const known = KINDS[type];
  if (known === undefined) throw new DatabaseError('NotFound', `Resource Not Found: '${type}'.`);
  return known;
}

function scriptPath({ route }: Exchange): ScriptPath {
  return { ...containerPath(route), kind: kindOf(route.type).kind };
}

/** `…/sprocs`, `…/triggers`, `…/udfs`. */
export function handleScripts(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const { scripts, resources } = service.engine;
  const path = scriptPath(exchange);
  if (request.method === 'GET' || request.method === 'HEAD' || isQuery(request)) {
    const ownerRid = resources.containerOf(path).rid;
    return metadataFeed(exchange, {
      ownerRid,
      name: kindOf(route.type).array,
      resources: scripts.list(path),
    });
  }
  if (request.method !== 'POST') throw methodNotAllowed(request);
  const body = objectBody(request);
  if (!isSet(request, 'x-ms-documentdb-is-upsert')) {
    return scripts.create(path, body).then((script) => resourceResponse(exchange, 201, script));
  }
  return scripts
    .upsert(path, body)
    .then(({ isNew, script }) => resourceResponse(exchange, isNew ? 201 : 200, script));
}

export function handleScript(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const { scripts } = service.engine;
  const path = scriptPath(exchange);
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return readResponse(exchange, scripts.read(path, route.id));
    case 'PUT':
      return scripts
        .replace(path, route.id, objectBody(request), headerOf(request, 'if-match'))
        .then((script) => resourceResponse(exchange, 200, script));
    case 'DELETE':
      return scripts
        .delete(path, route.id, headerOf(request, 'if-match'))
        .then(() => emptyResponse(exchange, 204, METADATA_CHARGE.write));
    case 'POST':
      if (path.kind === 'storedProcedure') return execute(exchange);
      throw methodNotAllowed(request);
    default:
      throw methodNotAllowed(request);
  }
}

function execute(exchange: Exchange): Answer {
  const { request, route, service } = exchange;
  const execution: Mutable<ScriptExecution> = {
    path: containerPath(route),
    id: route.id,
    partitionKey: partitionKeyOf(request),
    arguments: argumentsOf(request.body),
    isLogging: isSet(request, 'x-ms-documentdb-script-enable-logging'),
  };
  addContext(request, execution);
  return service.engine.scripts.execute(execution).then((answer) => {
    const headers = dataHeaders(exchange, answer);
    if (execution.isLogging) {
      headers.push('x-ms-documentdb-script-log-results', encodeURIComponent(answer.log));
    }
    return { status: 200, headers, body: answer.body };
  });
}

/** A JSON array of arguments, one argument by itself, or nothing. */
function argumentsOf(body: Buffer): readonly Json[] {
  if (body.length === 0) return [];
  let given: Json;
  try {
    given = JSON.parse(body.toString()) as Json;
  } catch (cause) {
    const message = 'The arguments of a stored procedure must be a JSON array.';
    throw new DatabaseError('BadRequest', message, { cause });
  }
  return Array.isArray(given) ? given : [given];
}
