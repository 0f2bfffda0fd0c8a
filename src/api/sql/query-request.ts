import { isJsonObject, type Json } from '../../base/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import type { QuerySpec } from '../../query/index.ts';
import type { HttpRequest } from '../../runtime/index.ts';
import { headerOf, isSet } from './request-headers.ts';

const SQL_CONTENT = 'application/sql';

export function isQuery(request: HttpRequest): boolean {
  if (request.method !== 'POST') return false;
  if (isSet(request, 'x-ms-documentdb-isquery')) return true;
  const type = headerOf(request, 'content-type')?.toLowerCase();
  return type !== undefined && (type.startsWith('application/query+json') || type.startsWith(SQL_CONTENT));
}

export function isQueryPlan(request: HttpRequest): boolean {
  return request.method === 'POST' && isSet(request, 'x-ms-cosmos-is-query-plan-request');
}

/** The query in a request's body. @throws DatabaseError `BadRequest` when it is none. */
export function querySpecOf(request: HttpRequest): QuerySpec {
  const text = request.body.toString();
  if (headerOf(request, 'content-type')?.toLowerCase().startsWith(SQL_CONTENT) === true)
    return { query: text, parameters: [] };
  let body: Json;
  try {
    body = JSON.parse(text) as Json;
  } catch (cause) {
    throw new DatabaseError('BadRequest', 'The query specification is not well-formed JSON.', { cause });
  }
  if (typeof body === 'string') return { query: body, parameters: [] };
  if (!isJsonObject(body) || typeof body.query !== 'string') {
    throw new DatabaseError('BadRequest', "The query specification must be an object with a 'query' text.");
  }
  const given = body.parameters ?? [];
  if (!Array.isArray(given))
    throw new DatabaseError('BadRequest', "The query's 'parameters' must be an array.");
  return { query: body.query, parameters: given.map(parameterOf) };
}

function parameterOf(parameter: Json): QuerySpec['parameters'][number] {
  const name = isJsonObject(parameter) ? parameter.name : undefined;
  if (!isJsonObject(parameter) || typeof name !== 'string' || !name.startsWith('@')) {
    throw new DatabaseError(
      'BadRequest',
      "Each query parameter must be an object with a 'name' that starts with '@'.",
    );
  }
  // A value that the client left out (undefined has no JSON) reads as null, like the hosted service does it.
  return { name, value: parameter.value ?? null };
}
