import type { ConsistencyLevel } from '../../account/index.ts';
import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type {
  ContainerPath,
  FeedScope,
  IndexingChoice,
  Preconditions,
  RequestContext,
} from '../../engine/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import {
  checkNesting,
  type PartitionKey,
  parsePartitionKeyHeader,
  parseThroughput,
  type Throughput,
} from '../../resource/index.ts';
import type { HttpRequest } from '../../runtime/index.ts';
import type { Route } from './route.ts';

/** What request headers and bodies mean, as the engine's plain data. All throw `BadRequest` for nonsense. */

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Booleans arrive as `true`, `True` or `TRUE`. */
export function isSet(request: HttpRequest, name: string): boolean {
  const value = request.headers[name];
  return value !== undefined && (value === 'true' || String(value).toLowerCase() === 'true');
}

export function containerPath(route: Route): ContainerPath {
  return { database: route.database, container: route.container };
}

const LEVELS: Readonly<Record<string, ConsistencyLevel>> = {
  strong: 'Strong',
  boundedstaleness: 'BoundedStaleness',
  session: 'Session',
  consistentprefix: 'ConsistentPrefix',
  eventual: 'Eventual',
};

/** Adds session token, consistency level and intended container, where given. */
export function addContext(request: HttpRequest, context: Mutable<RequestContext>): void {
  const { headers } = request;
  const token = headers['x-ms-session-token'];
  if (typeof token === 'string' && token !== '') context.sessionToken = token;
  const consistency = headers['x-ms-consistency-level'];
  if (typeof consistency === 'string') context.consistency = consistencyLevel(consistency);
  const intended = headers['x-ms-cosmos-intended-collection-rid'];
  if (typeof intended === 'string' && intended !== '') context.intendedContainerRid = intended;
}

function consistencyLevel(text: string): ConsistencyLevel {
  const level = LEVELS[text.toLowerCase()];
  if (level !== undefined) return level;
  throw new DatabaseError(
    'BadRequest',
    `The value '${text}' specified for the header 'x-ms-consistency-level' is invalid.`,
  );
}

export function addPreconditions(request: HttpRequest, conditions: Mutable<Preconditions>): void {
  const { headers } = request;
  const ifMatch = headers['if-match'];
  if (typeof ifMatch === 'string' && ifMatch !== '') conditions.ifMatch = ifMatch;
  const ifNoneMatch = headers['if-none-match'];
  if (typeof ifNoneMatch === 'string' && ifNoneMatch !== '') conditions.ifNoneMatch = ifNoneMatch;
}

/** Adds whether the item goes into indexes, where the request says so. */
export function addIndexing({ headers }: HttpRequest, choice: Mutable<IndexingChoice>): void {
  const directive = headers['x-ms-indexing-directive'];
  if (typeof directive !== 'string' || directive === '') return;
  const name = directive.toLowerCase();
  if (name === 'include') choice.indexing = 'Include';
  else if (name === 'exclude') choice.indexing = 'Exclude';
  else if (name !== 'default') throw invalidHeader('x-ms-indexing-directive', directive);
}

export function partitionKeyOf(request: HttpRequest): PartitionKey | undefined {
  const text = request.headers['x-ms-documentdb-partitionkey'];
  return typeof text === 'string' && text !== '' ? parsePartitionKeyHeader(text) : undefined;
}

/** Id of the addressed range; some clients put the container's rid and a comma before it. */
export function rangeIdOf(request: HttpRequest): string | undefined {
  const text = headerOf(request, 'x-ms-documentdb-partitionkeyrangeid');
  return text?.slice(text.lastIndexOf(',') + 1).trim();
}

/** -1 or undefined: the server decides. */
export function itemCountMaxOf(request: HttpRequest): number | undefined {
  const text = headerOf(request, 'x-ms-max-item-count');
  if (text === undefined) return undefined;
  const count = Number(text);
  if (Number.isSafeInteger(count) && (count > 0 || count === -1)) return count;
  throw invalidHeader('x-ms-max-item-count', text);
}

export function feedScope(request: HttpRequest, route: Route): FeedScope {
  const scope: Mutable<FeedScope> = { path: containerPath(route) };
  addContext(request, scope);
  const partitionKey = partitionKeyOf(request);
  if (partitionKey !== undefined) scope.partitionKey = partitionKey;
  const rangeId = rangeIdOf(request);
  if (rangeId !== undefined) scope.rangeId = rangeId;
  const min = effectiveKeyOf(request, 'x-ms-start-epk');
  const max = effectiveKeyOf(request, 'x-ms-end-epk');
  if (min !== undefined && max !== undefined) scope.epkRange = { min, max };
  const itemCountMax = itemCountMaxOf(request);
  if (itemCountMax !== undefined) scope.itemCountMax = itemCountMax;
  const continuation = headerOf(request, 'x-ms-continuation');
  if (continuation !== undefined) scope.continuation = continuation;
  return scope;
}

/** An effective partition key as clients write it: the hexadecimal digits of its bytes. */
function effectiveKeyOf(request: HttpRequest, name: string): string | undefined {
  const text = request.headers[name];
  if (typeof text !== 'string') return undefined;
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw invalidHeader(name, text);
  return text.toUpperCase();
}

/** Throughput asked for with a new database or container. */
export function throughputOf(request: HttpRequest): Throughput | undefined {
  return parseThroughput({
    offerThroughput: headerOf(request, 'x-ms-offer-throughput'),
    autopilotSettings: headerOf(request, 'x-ms-cosmos-offer-autopilot-settings'),
  });
}

/** `Prefer: return=minimal`: the client has what it sent, and wants only the headers. */
export function isMinimal(request: HttpRequest): boolean {
  return headerOf(request, 'prefer')?.toLowerCase().includes('return=minimal') === true;
}

/** The body as a JSON object. One that nests too deep would be too much for what copies and writes it. */
export function objectBody(request: HttpRequest): JsonObject {
  const body = parseJson(request.body.toString());
  checkNesting(request.body);
  if (isJsonObject(body)) return body;
  throw new DatabaseError(
    'BadRequest',
    'The input content is invalid: the request body must be a JSON object.',
  );
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new DatabaseError('BadRequest', 'The input content is invalid: it is not well-formed JSON.', {
      cause,
    });
  }
}

function invalidHeader(name: string, value: string): DatabaseError {
  return new DatabaseError(
    'BadRequest',
    `The value '${value.slice(0, 200)}' specified for the header '${name}' is invalid.`,
  );
}
