import { DatabaseError } from '../errors/index.ts';

const RESOURCE_ID_CHARS_MAX = 255;
const ITEM_ID_BYTES_MAX = 1023;

/**
 * The id of a database, container or other metadata resource, as found in its body.
 * @throws DatabaseError `BadRequest` unless it is a string of 1 to 255 characters without `/ \ ? #` that does
 * not end with a space.
 */
export function checkResourceId(id: unknown): string {
  if (id === undefined) throw missingId();
  if (typeof id !== 'string' || id === '') throw invalid('Id must be a non-empty string.');
  if (id.length > RESOURCE_ID_CHARS_MAX) {
    throw invalid(`Id must not be longer than ${RESOURCE_ID_CHARS_MAX} characters.`);
  }
  if (/[/\\?#]/.test(id)) throw invalid("Id contains illegal chars: '/', '\\', '?' and '#' are not allowed.");
  if (id.endsWith(' ')) throw invalid('Id ends with a space.');
  checkWellFormed(id);
  return id;
}

/**
 * The id of an item, as found in its body.
 * @throws DatabaseError `BadRequest` unless it is a string of 1 to 1023 bytes of UTF-8 without `/ \ #`.
 */
export function checkItemId(id: unknown): string {
  if (id === undefined) throw missingId();
  if (typeof id !== 'string' || id === '') throw invalid('Id must be a non-empty string.');
  // Counting bytes costs a call; a UTF-16 unit takes at most three.
  if (id.length * 3 > ITEM_ID_BYTES_MAX && Buffer.byteLength(id) > ITEM_ID_BYTES_MAX) {
    throw invalid(`Id must not be longer than ${ITEM_ID_BYTES_MAX} bytes.`);
  }
  if (/[/\\#]/.test(id)) throw invalid("Id contains illegal chars: '/', '\\' and '#' are not allowed.");
  checkWellFormed(id);
  return id;
}

/** Half a surrogate pair has no UTF-8 form: two different ids would become one key. */
function checkWellFormed(id: string): void {
  if (!isWellFormed(id)) throw invalid('Id is not well-formed Unicode.');
}

/** Whether the text has a UTF-8 form. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function missingId(): DatabaseError {
  return invalid("The input content is invalid because the required properties - 'id; ' - are missing");
}

function invalid(message: string): DatabaseError {
  return new DatabaseError('BadRequest', message);
}
