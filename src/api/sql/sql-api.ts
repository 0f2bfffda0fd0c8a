import type { RegionEndpoint } from '../../account/index.ts';
import type { Engine } from '../../engine/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import type { HttpHandler, HttpRefusal, HttpRequest, HttpResponse, Runtime } from '../../runtime/index.ts';
import { handleAbsentFeed, handleAbsentMember } from './absent-handlers.ts';
import { readAccount } from './account-handler.ts';
import { ActivityIds } from './activity-ids.ts';
import { type AccountKeys, Authentication } from './authentication.ts';
import { handleConflict, handleConflicts } from './conflict-handlers.ts';
import { handleContainer, handleContainers } from './container-handlers.ts';
import { handleDatabase, handleDatabases } from './database-handlers.ts';
import type { Answer, ClientOrigin, Exchange, Service } from './exchange.ts';
import { failureResponse, refusalResponse } from './failure.ts';
import { handleItem, handleItems, handleKeyDelete } from './item-handlers.ts';
import { methodNotAllowed } from './method.ts';
import { handleOffer, handleOffers } from './offer-handlers.ts';
import { isQuery, isQueryPlan } from './query-request.ts';
import { handleRanges } from './range-handlers.ts';
import { routeOf } from './route.ts';
import { handleScript, handleScripts } from './script-handlers.ts';

export interface SqlApiOptions {
  readonly engine: Engine;
  readonly runtime: Runtime;
  /** Asked on each request: give another object when a key changes, the same one otherwise. */
  readonly keys: () => AccountKeys;
  /** Endpoints of the account's regions, as this client can reach them. */
  readonly endpoints: (origin: ClientOrigin) => readonly RegionEndpoint[];
  /** Told of every failure that is our own fault; the client has got a 500 by then. */
  readonly onFault: (error: unknown) => void;
}

/** The SQL protocol of one region: what a listener needs. */
export interface SqlApi {
  readonly handler: HttpHandler;
  /** Answers for requests that never reach the handler. */
  readonly refuse: (status: HttpRefusal) => HttpResponse;
}

/** The NoSQL protocol over HTTP; a failure of any kind is an answer with the protocol's status and body. */
export function createSqlApi(options: SqlApiOptions): SqlApi {
  const { engine, runtime, keys, endpoints, onFault } = options;
  const service: Service = { engine, runtime, endpoints };
  const authentication = new Authentication(runtime, keys);
  const activityIds = new ActivityIds(runtime);

  const fail = (request: HttpRequest, activityId: string, error: unknown): HttpResponse => {
    if (!(error instanceof DatabaseError)) onFault(error);
    return failureResponse({ activityId, target: request.target }, error);
  };

  const handler: HttpHandler = (request) => {
    const activityId = activityIds.next();
    try {
      const startedMs = runtime.monotonicMs();
      const route = routeOf(request.target);
      if (route === undefined) throw unknownRoute(request);
      const grant = authentication.check(request, route);
      if (grant === 'read' && changesAnything(request)) throw readOnly();
      const answer = dispatch({ service, request, route, activityId, startedMs });
      if (!(answer instanceof Promise)) return answer;
      return answer.catch((error: unknown) => fail(request, activityId, error));
    } catch (error) {
      return fail(request, activityId, error);
    }
  };
  return { handler, refuse: (status) => refusalResponse(activityIds.next(), status) };
}

function dispatch(exchange: Exchange): Answer {
  switch (exchange.route.kind) {
    case 'item':
      return handleItem(exchange);
    case 'items':
      return handleItems(exchange);
    case 'account':
      if (exchange.request.method !== 'GET' && exchange.request.method !== 'HEAD')
        throw methodNotAllowed(exchange.request);
      return readAccount(exchange);
    case 'databases':
      return handleDatabases(exchange);
    case 'database':
      return handleDatabase(exchange);
    case 'containers':
      return handleContainers(exchange);
    case 'container':
      return handleContainer(exchange);
    case 'ranges':
      return handleRanges(exchange);
    case 'key-delete':
      return handleKeyDelete(exchange);
    case 'offers':
      return handleOffers(exchange);
    case 'offer':
      return handleOffer(exchange);
    case 'conflicts':
      return handleConflicts(exchange);
    case 'conflict':
      return handleConflict(exchange);
    case 'scripts':
      return handleScripts(exchange);
    case 'script':
      return handleScript(exchange);
    case 'absent-feed':
      return handleAbsentFeed(exchange);
    case 'absent-member':
      return handleAbsentMember(exchange);
  }
}

function changesAnything(request: HttpRequest): boolean {
  return request.method !== 'GET' && request.method !== 'HEAD' && !isQuery(request) && !isQueryPlan(request);
}

/** Without a route nothing can have been signed, but a client without any sign-in must hear that first. */
function unknownRoute(request: HttpRequest): DatabaseError {
  if (request.headers.authorization !== undefined) {
    return new DatabaseError(
      'NotFound',
      `Resource Not Found: '${request.target}' is not a path of this protocol.`,
    );
  }
  return new DatabaseError(
    'Unauthorized',
    'Required Header authorization is missing. Ensure a valid Authorization token is passed.',
  );
}

function readOnly(): DatabaseError {
  return new DatabaseError(
    'Forbidden',
    'The account key of this request is read-only: it permits no writes.',
  );
}
