/** The catalogue of failures that a caller may act on. */
export { type Advice, CATALOGUE, type ErrorCode, type ErrorKind } from './catalogue.ts';
export { DatabaseError, type ErrorDetails } from './database-error.ts';
