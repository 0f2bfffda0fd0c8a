import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';

/**
 * Small readers of what a user sent: each gives the value in its type or throws DatabaseError `BadRequest`
 * saying what is wrong with it. A null object or list counts as left out, since some clients write it so.
 */

export function refuse(message: string): DatabaseError {
  return new DatabaseError('BadRequest', message);
}

export function objectAt(parent: JsonObject, name: string): JsonObject | undefined {
  const value = parent[name];
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw refuse(`'${name}' must be an object.`);
  return value;
}

export function listAt(parent: JsonObject, name: string): Json[] | undefined {
  const value = parent[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw refuse(`'${name}' must be an array.`);
  return value;
}

export function objectsAt(parent: JsonObject, name: string): JsonObject[] | undefined {
  return listAt(parent, name)?.map((value) => {
    if (!isJsonObject(value)) throw refuse(`'${name}' must hold objects.`);
    return value;
  });
}

export function stringAt(parent: JsonObject, name: string): string {
  const value = parent[name];
  if (typeof value !== 'string' || value === '') throw refuse(`'${name}' must be a non-empty string.`);
  return value;
}

/** The one of `words` that the value names, ignoring case. */
export function wordAt<T extends string>(parent: JsonObject, name: string, words: readonly T[]): T {
  const value = parent[name];
  const found = typeof value === 'string' && words.find((word) => word.toLowerCase() === value.toLowerCase());
  if (!found) throw refuse(`'${name}' must be one of ${words.join(', ')}, not ${JSON.stringify(value)}.`);
  return found;
}

/** A path to a property: `/a/b`, `/"odd name"`; no wildcard, no array step, no slash at its end. */
export const PLAIN_PATH = /^(?:\/(?:"(?:[^"\\]|\\.)+"|[^/"?*[\]]+))+$/s;

/** @throws DatabaseError `BadRequest` naming `what` when the value is not of the form of PLAIN_PATH. */
export function plainPath(value: unknown, what: string): string {
  if (typeof value === 'string' && PLAIN_PATH.test(value)) return value;
  throw refuse(`The path ${JSON.stringify(value)} of ${what} is not valid: expected a form like '/a/b'.`);
}
