import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { namesAtHand } from './long-objects.ts';

/** What an expression yields: JSON, or undefined for "there is no such thing". */
export type Value = Json | undefined;

/** Rank of a type in the total order of the language; see `compareForOrder`. */
function typeRank(value: Value): number {
  switch (typeof value) {
    case 'undefined':
      return 0;
    case 'boolean':
      return 2;
    case 'number':
      return 3;
    case 'string':
      return 4;
    default:
      if (value === null) return 1;
      return Array.isArray(value) ? 5 : 6;
  }
}

/** Deep equality of two defined values; different types are simply not equal. */
export function deepEqual(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((element, index) => deepEqual(element, b[index] as Json));
  }
  if (Array.isArray(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && deepEqual(a[name] as Json, b[name] as Json));
}

/** `=` of the language: undefined when a side is, else deep equality. */
export function equalValues(a: Value, b: Value): boolean | undefined {
  return a === undefined || b === undefined ? undefined : deepEqual(a, b);
}

/**
 * Order by Unicode code point, which is also the order of the indexes. UTF-16 units alone would sort U+FF5E
 * after U+1F600, whose first unit is a surrogate.
 */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    if (x < 0xd800 || y < 0xd800) return x - y;
    // The difference may be in the second half of a pair, or a half may stand alone.
    const start =
      i > 0 && isHighSurrogate(a.charCodeAt(i - 1)) && (isLowSurrogate(x) || isLowSurrogate(y)) ? i - 1 : i;
    return (a.codePointAt(start) ?? 0) - (b.codePointAt(start) ?? 0);
  }
  return a.length - b.length;
}

function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800;
}

function isLowSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00;
}

/**
 * Negative, zero or positive for two primitives of one type; undefined when relational operators do not
 * apply: a side is missing, types differ, or they are arrays or objects.
 */
export function compareRelational(a: Value, b: Value): number | undefined {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  return a === null && b === null ? 0 : undefined;
}

/**
 * The total order of ORDER BY, MIN and MAX: undefined < null < false < true < number < string < array <
 * object. The language leaves arrays among each other, and objects among each other, without an order: they
 * compare as equal.
 */
export function compareForOrder(a: Value, b: Value): number {
  const difference = typeRank(a) - typeRank(b);
  if (difference !== 0) return difference;
  return compareRelational(a, b) ?? 0;
}

export function isPrimitive(value: Value): value is null | boolean | number | string {
  return value !== undefined && (value === null || typeof value !== 'object');
}

/** The same text for equal values, whatever the order of members: for sets of deep values. */
export function canonicalText(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  const names = Object.keys(value).sort();
  const members = names.map((name) => `${JSON.stringify(name)}:${canonicalText(value[name] as Json)}`);
  return `{${members.join(',')}}`;
}

/** Values are compared and written by recursion: those that come in from outside have at most this depth. */
export const VALUE_DEPTH_MAX = 256;

export function isDeeperThan(value: Json, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth === 0) return true;
  const names = namesAtHand(value);
  const parts = names?.map((name) => (value as JsonObject)[name] as Json) ?? Object.values(value);
  return parts.some((part) => isDeeperThan(part, depth - 1));
}

/** About how many bytes a value takes as text. */
export function roughSize(value: Value): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let size = 2;
  for (const part of Object.values(value)) size += roughSize(part) + 1;
  return size;
}

/** An object that takes any member name, `__proto__` too, as plain data. */
export function emptyObject(): { [name: string]: Json } {
  return Object.create(null) as { [name: string]: Json };
}

const INHERITED_NAMES = new Set(Object.getOwnPropertyNames(Object.prototype));

/** Whether a plain look-up of `name` could find something that is not in the data. */
export function isInheritedName(name: string): boolean {
  return INHERITED_NAMES.has(name);
}

/** A member of an object; undefined for everything else. */
export function memberOf(value: Value, name: string): Value {
  if (!isJsonObject(value)) return undefined;
  return INHERITED_NAMES.has(name) && !Object.hasOwn(value, name) ? undefined : value[name];
}

/** An element of an array; undefined outside it and for everything else. */
export function elementOf(value: Value, index: number): Value {
  return Array.isArray(value) ? value[index] : undefined;
}
