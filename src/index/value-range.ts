import { compareBytes, type Json, prefixEnd } from '../base/index.ts';
import {
  encodeIndexValue,
  isExact,
  stringPayload,
  TAG_ARRAY,
  TAG_END,
  TAG_FALSE,
  TAG_NULL,
  TAG_NUMBER,
  TAG_OBJECT,
  TAG_STRING,
  TAG_TRUE,
  TAG_UNDEFINED,
} from './value-encoding.ts';

/**
 * The encoded values that can satisfy a predicate, as a half-open interval; empty unless `from` < `to`.
 * Both bounds may also stand in the middle of a key: `to` sorts after everything that starts with a value
 * below it.
 */
export interface IndexRange {
  readonly from: Buffer;
  /** Exclusive. */
  readonly to: Buffer;
  /** Whether every value in it satisfies the predicate; if not, the item itself has to be looked at. */
  readonly exact: boolean;
}

export type IndexedType = 'undefined' | 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

/** First and last tag of each type. */
const TAGS: Readonly<Record<IndexedType, readonly [first: number, last: number]>> = {
  undefined: [TAG_UNDEFINED, TAG_UNDEFINED],
  null: [TAG_NULL, TAG_NULL],
  boolean: [TAG_FALSE, TAG_TRUE],
  number: [TAG_NUMBER, TAG_NUMBER],
  string: [TAG_STRING, TAG_STRING],
  array: [TAG_ARRAY, TAG_ARRAY],
  object: [TAG_OBJECT, TAG_OBJECT],
};

const EMPTY: IndexRange = { from: Buffer.of(TAG_END), to: Buffer.of(TAG_END), exact: true };

/** Values equal to `value`. */
export function equalRange(value: Json | undefined): IndexRange {
  if (Number.isNaN(value)) return EMPTY;
  const from = encodeIndexValue(value);
  return { from, to: after(from), exact: isExact(from) };
}

/** Values of its type above `value`, or equal if `inclusive`; arrays, objects and undefined have no order. */
export function rangeAbove(value: Json | undefined, inclusive: boolean): IndexRange {
  if (!isOrdered(value)) return EMPTY;
  const bound = encodeIndexValue(value);
  const exact = isExact(bound);
  // A bound that was cut shares its place with values on both sides of it.
  return { from: inclusive || !exact ? bound : after(bound), to: typeBounds(value).to, exact };
}

/** Values of its type below `value`, or equal if `inclusive`; arrays, objects and undefined have no order. */
export function rangeBelow(value: Json | undefined, inclusive: boolean): IndexRange {
  if (!isOrdered(value)) return EMPTY;
  const bound = encodeIndexValue(value);
  const exact = isExact(bound);
  return { from: typeBounds(value).from, to: inclusive || !exact ? after(bound) : bound, exact };
}

/** Strings that begin with `prefix`. */
export function prefixRange(prefix: string): IndexRange {
  // Half a surrogate pair begins strings that go on with the other half; those have one code point there.
  const isHalved = prefix.length > 0 && (prefix.charCodeAt(prefix.length - 1) & 0xfc00) === 0xd800;
  const payload = stringPayload(isHalved ? prefix.slice(0, -1) : prefix);
  if (payload === undefined) return equalRange(prefix);
  const from = Buffer.concat([Buffer.of(TAG_STRING), payload]);
  return { from, to: after(from), exact: !isHalved };
}

/**
 * Values of one type. `undefined` is found only where the policy names the path (see `Coverage.explicit`).
 */
export function typeRange(type: IndexedType): IndexRange {
  const [first, last] = TAGS[type];
  return { from: Buffer.of(first), to: Buffer.of(last + 1), exact: true };
}

/** Every value there is, null included, undefined not. */
export function definedRange(): IndexRange {
  return { from: Buffer.of(TAG_NULL), to: Buffer.of(TAG_END), exact: true };
}

/** Every entry of a path, for ORDER BY: also `undefined`, which explicit paths have. */
export function allRange(): IndexRange {
  return { from: Buffer.of(TAG_UNDEFINED), to: Buffer.of(TAG_END), exact: true };
}

/** What satisfies both, for values of one path that is not below an array. */
export function intersectRanges(a: IndexRange, b: IndexRange): IndexRange {
  const from = compareBytes(a.from, b.from) > 0 ? a.from : b.from;
  const to = compareBytes(a.to, b.to) < 0 ? a.to : b.to;
  return compareBytes(from, to) < 0 ? { from, to, exact: a.exact && b.exact } : EMPTY;
}

/** Whether no value can satisfy the predicate. */
export function isEmptyRange(range: IndexRange): boolean {
  return compareBytes(range.from, range.to) >= 0;
}

function isOrdered(value: Json | undefined): value is null | boolean | number | string {
  return value === null || (typeof value !== 'object' && value !== undefined && !Number.isNaN(value));
}

function typeBounds(value: null | boolean | number | string): IndexRange {
  return typeRange(value === null ? 'null' : (typeof value as 'boolean' | 'number' | 'string'));
}

/** The first bytes after everything that starts with `encoded`; its tag is never FF, so there are some. */
function after(encoded: Buffer): Buffer {
  return Buffer.from(prefixEnd(encoded) ?? [TAG_END]);
}
