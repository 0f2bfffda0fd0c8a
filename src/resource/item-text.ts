import { isUtf8 } from 'node:buffer';
import { ByteSlabs, isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { checkItemId } from './resource-id.ts';

/**
 * From the bytes that a client sent to the bytes that are stored, without writing the JSON anew: property
 * order, number spelling and escapes stay the user's, and an item costs one parse and one copy. Only what the
 * server itself sets at the top level is cut out, and appended in the fixed order that clients compare.
 */

/** Of an item, in bytes of UTF-8. */
export const ITEM_BYTES_MAX = 2 * 1024 * 1024;

/** Levels of objects and arrays, the item itself being the first. */
export const NESTING_MAX = 128;

/** What the server sets on an item, in the order in which it is shown. */
export const SYSTEM_PROPERTIES = ['_rid', '_self', '_etag', '_attachments', '_ts'] as const;

const LAST_FIRST = SYSTEM_PROPERTIES.toReversed();

export interface ReadItem {
  /** As parsed, without system properties. */
  readonly object: JsonObject;
  /**
   * The user's text without surrounding white space and system properties; may be a view of what was
   * received.
   */
  readonly text: Buffer;
}

/** `_ts` in Unix seconds. */
export interface SystemProperties {
  readonly rid: string;
  readonly self: string;
  /** With its quotes. */
  readonly etag: string;
  readonly ts: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const PLUS = 0x2b;
const SPACE = 0x20;
const UNDERSCORE = 0x5f;

/**
 * @throws DatabaseError `RequestEntityTooLarge` above 2 MiB, `BadRequest` for what is not a JSON object in
 * UTF-8, is nested too deeply, holds a number that no double can say, or has no legal `id`.
 */
export function readItem(received: Buffer): ReadItem {
  const item = readObject(received);
  checkItemId(Object.hasOwn(item.object, 'id') ? item.object.id : undefined);
  return item;
}

/** As `readItem`, but without looking at `id`. */
function readObject(received: Buffer): ReadItem {
  if (received.length > ITEM_BYTES_MAX) {
    throw new DatabaseError('RequestEntityTooLarge', 'Request size is too large');
  }
  const text = trim(received);
  if (!isUtf8(text)) throw invalid('it is not UTF-8');
  const object = parse(text);
  // Kept, it would read as null wherever an item is written anew, and in every projection.
  if (surveyText(text) && !hasFiniteNumbers(object)) throw invalid('it holds a number that is out of range');
  let found = false;
  // Clients send back what they read, so these stand last: taken from the end they leave the object's hidden
  // class as it was, while a deletion in the middle would make every later access slow.
  for (const name of LAST_FIRST) {
    if (!Object.hasOwn(object, name)) continue;
    delete object[name];
    found = true;
  }
  return { object, text: found ? withoutSystemProperties(text) : text };
}

function parse(text: Buffer): JsonObject {
  let parsed: unknown;
  try {
    // The string of a text that starts with a byte order mark starts with U+FEFF, which is not JSON.
    parsed = JSON.parse(text.toString('utf8'));
  } catch (cause) {
    throw new DatabaseError('BadRequest', 'The input content is invalid: it is not JSON.', { cause });
  }
  if (!isJsonObject(parsed)) throw invalid('it is not a JSON object');
  return parsed;
}

function invalid(reason: string): DatabaseError {
  return new DatabaseError('BadRequest', `The input content is invalid: ${reason}.`);
}

function trim(text: Buffer): Buffer {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text[start] as number)) start++;
  while (end > start && isSpace(text[end - 1] as number)) end--;
  return start === 0 && end === text.length ? text : text.subarray(start, end);
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** `text` is valid JSON. @throws DatabaseError `BadRequest` when it has too many levels: see NESTING_MAX. */
export function checkNesting(text: Buffer): void {
  surveyText(text);
}

const PLAIN = 0;
const STRING = 1;
const OPENING = 2;
const CLOSING = 3;
const EXPONENT = 4;
/** What a byte outside strings may begin or end; a table, since every byte of every item is looked up. */
const MARKS = new Uint8Array(256);
MARKS[QUOTE] = STRING;
for (const byte of [BRACE_OPEN, BRACKET_OPEN]) MARKS[byte] = OPENING;
for (const byte of [BRACE_CLOSE, BRACKET_CLOSE]) MARKS[byte] = CLOSING;
for (const letter of 'eE') MARKS[letter.charCodeAt(0)] = EXPONENT;

/** A number of no more bytes, with an exponent of two digits, is less than the largest double. */
const SAFE_NUMBER_BYTES = 200;

/** As `checkNesting`. Whether there may be a number beyond the range of doubles: a closer look is due. */
function surveyText(text: Buffer): boolean {
  const end = text.length;
  let depth = 0;
  let mayOverflow = false;
  /** Where the last string or bracket stood: no number reaches over one. */
  let last = 0;
  for (let at = 0; at < end; at++) {
    const mark = MARKS[text[at] as number];
    if (mark === PLAIN) continue;
    if (mark === EXPONENT) {
      if (isLargeExponent(text, at + 1)) mayOverflow = true;
      continue;
    }
    if (at - last > SAFE_NUMBER_BYTES) mayOverflow = true;
    if (mark === STRING) at = stringEnd(text, at);
    else if (mark === CLOSING) depth--;
    else if (++depth > NESTING_MAX) throw invalid(`it is nested deeper than ${NESTING_MAX} levels`);
    last = at;
  }
  return mayOverflow;
}

/** Whether what follows the `e` of a number, if it is that, has three digits or more, and no minus. */
function isLargeExponent(text: Buffer, from: number): boolean {
  let at = text[from] === PLUS ? from + 1 : from;
  const first = at;
  while (isDigit(text[at])) at++;
  return at - first > 2;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Whether doubles can say all numbers in it. Not for what may be nested too deep. */
function hasFiniteNumbers(value: Json): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value !== 'object' || value === null || Object.values(value).every(hasFiniteNumbers);
}

/** Position of the quote that ends the string which starts at `start`. */
function stringEnd(text: Buffer, start: number): number {
  let at = start + 1;
  for (let byte = text[at]; byte !== QUOTE; byte = text[at]) at += byte === BACKSLASH ? 2 : 1;
  return at;
}

/** Cuts every top-level member with a system name, its comma with it. `text` is a valid JSON object. */
function withoutSystemProperties(text: Buffer): Buffer {
  const kept: Buffer[] = [];
  // Members are kept in runs: a run starts after an opening brace or comma and ends before a comma or brace.
  let runStart = 1;
  let at = 1;
  while (at < text.length) {
    const memberStart = at;
    const nameStart = skipSpace(text, at);
    if (text[nameStart] !== QUOTE) break;
    const nameEnd = stringEnd(text, nameStart);
    const memberEnd = valueEnd(text, nameEnd + 1);
    if (isSystemName(text, nameStart, nameEnd)) {
      if (memberStart > runStart) kept.push(text.subarray(runStart, memberStart - 1));
      runStart = memberEnd + 1;
    }
    at = memberEnd + 1;
  }
  if (runStart < text.length) kept.push(text.subarray(runStart, text.length - 1));
  const parts: Buffer[] = [text.subarray(0, 1)];
  for (const run of kept) parts.push(...(parts.length === 1 ? [run] : [commaBytes, run]));
  parts.push(text.subarray(text.length - 1));
  return Buffer.concat(parts);
}

const commaBytes = Buffer.from(',');

/** Position of the comma or brace that ends the top-level member whose colon stands at or after `from`. */
function valueEnd(text: Buffer, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const byte = text[at] as number;
    if (byte === QUOTE) at = stringEnd(text, at);
    else if (byte === BRACE_OPEN || byte === BRACKET_OPEN) depth++;
    else if (depth > 0) {
      if (byte === BRACE_CLOSE || byte === BRACKET_CLOSE) depth--;
    } else if (byte === COMMA || byte === BRACE_CLOSE) return at;
  }
  return text.length;
}

function skipSpace(text: Buffer, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text[at] as number)) at++;
  return at;
}

const systemNames: ReadonlySet<string> = new Set(SYSTEM_PROPERTIES);

function isSystemName(text: Buffer, quote: number, end: number): boolean {
  const first = text[quote + 1];
  if (first !== UNDERSCORE && first !== BACKSLASH) return false;
  // The longest name has 12 characters, of which each may be spelled with six.
  if (end - quote > 80) return false;
  return systemNames.has(JSON.parse(text.toString('utf8', quote, end + 1)));
}

/** Items stay in memory until the store has them. */
const completeItems = new ByteSlabs();

/** The complete item: `text` (a JSON object without system properties) and the system properties after it. */
export function withSystemProperties(text: Buffer, { rid, self, etag, ts }: SystemProperties): Buffer {
  let end = text.length - 1;
  while (end > 0 && isSpace(text[end - 1] as number)) end--;
  const isEmpty = end === 1;
  // None of the values can hold a character that JSON escapes, except the quotes of the etag.
  const tail =
    `${isEmpty ? '' : ','}"_rid":"${rid}","_self":"${self}","_etag":"${etag.replaceAll('"', '\\"')}",` +
    `"_attachments":"attachments/","_ts":${ts}}`;
  const complete = completeItems.take(end + tail.length);
  text.copy(complete, 0, 0, end);
  complete.write(tail, end, 'latin1');
  return complete;
}

/** Longer than what `withSystemProperties` writes from the etag on. */
const ETAG_TAIL_BYTES = 120;

/** The etag that `withSystemProperties` put into an item, with its quotes; undefined in other texts. */
export function etagWithin(complete: Uint8Array): string | undefined {
  const tail = Buffer.from(complete.subarray(-ETAG_TAIL_BYTES)).toString('latin1');
  const match = /"_etag":"\\("[^"\\]*)\\"","_attachments":"attachments\/","_ts":\d+\}$/.exec(tail);
  return match?.[1] === undefined ? undefined : `${match[1]}"`;
}

/**
 * The item's own time to live in seconds, -1 for "never"; undefined when it has none.
 * @throws DatabaseError `BadRequest` when `ttl` is neither -1 nor a whole number from 1 to 2^31 - 1.
 */
export function itemTtl(item: JsonObject): number | undefined {
  return Object.hasOwn(item, 'ttl') ? checkTtl(item.ttl, 'ttl') : undefined;
}

/** As `itemTtl`, for items of containers that do not look at it: what is no time to live is none. */
export function ownTtl(item: JsonObject): number | undefined {
  const ttl = Object.hasOwn(item, 'ttl') ? item.ttl : undefined;
  return isTtl(ttl) ? ttl : undefined;
}

function isTtl(value: unknown): value is number {
  if (typeof value !== 'number' || !Number.isInteger(value)) return false;
  return value === -1 || (value > 0 && value <= 2 ** 31 - 1);
}

/** @throws DatabaseError as `itemTtl`. */
export function checkTtl(value: unknown, name: string): number {
  if (isTtl(value)) return value;
  throw new DatabaseError(
    'BadRequest',
    `The value of '${name}' must be -1 or a positive number of seconds, not ${JSON.stringify(value)}.`,
  );
}
