import { DatabaseError } from '../errors/index.ts';

/** Where in the query text something stands: offsets in UTF-16 units, `end` exclusive. */
export interface Location {
  readonly start: number;
  readonly end: number;
}

/** A fault of the query text in the published body form: a list of coded errors with their places. */
export function queryError(code: string, message: string, location: Location): DatabaseError {
  const { start, end } = location;
  const error = { severity: 'Error', location: { start, end }, code, message };
  return new DatabaseError('BadRequest', JSON.stringify({ errors: [error] }));
}

export function syntaxError(near: string, location: Location): DatabaseError {
  return queryError('SC1001', `Syntax error, incorrect syntax near '${near.slice(0, 100)}'.`, location);
}

/** What parses but cannot be executed: refused by name, because wrong rows would be worse than none. */
export function unsupported(construct: string): DatabaseError {
  return new DatabaseError('BadRequest', `This query cannot be executed: ${construct} is not supported.`);
}
