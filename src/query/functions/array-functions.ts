import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import {
  canonicalText,
  compareForOrder,
  deepEqual,
  emptyObject,
  isPrimitive,
  type Value,
} from '../values.ts';
import {
  ARRAY_LENGTH_MAX,
  allOf,
  anyOf,
  type BuiltInFunction,
  type Evaluate,
  type FunctionFamily,
  finite,
  isWholeNumber,
  pure,
} from './built-in-function.ts';

function contains(array: Value, sought: Value): boolean | undefined {
  if (!Array.isArray(array) || sought === undefined) return undefined;
  for (const element of array) if (deepEqual(element, sought)) return true;
  return false;
}

/** Whether `whole` has all members of `part`, each with an equal value. */
function hasMembers(whole: Json, part: JsonObject): boolean {
  if (!isJsonObject(whole)) return false;
  return Object.keys(part).every(
    (name) => Object.hasOwn(whole, name) && deepEqual(whole[name] as Json, part[name] as Json),
  );
}

function containsPart(array: Value, sought: Value, isPartial: Value = false): boolean | undefined {
  if (typeof isPartial !== 'boolean') return undefined;
  if (!isPartial || !isJsonObject(sought)) return contains(array, sought);
  return Array.isArray(array) ? array.some((element) => hasMembers(element, sought)) : undefined;
}

function concat(...operands: Value[]): Value {
  if (!operands.every((operand) => Array.isArray(operand))) return undefined;
  let length = 0;
  for (const operand of operands) length += operand.length;
  return length > ARRAY_LENGTH_MAX ? undefined : operands.flat(1);
}

function slice(...operands: Value[]): Value {
  const [array, start, length] = operands;
  if (!Array.isArray(array) || !isWholeNumber(start)) return undefined;
  const from = start < 0 ? Math.max(0, array.length + start) : start;
  if (operands.length < 3) return array.slice(from);
  return isWholeNumber(length) ? array.slice(from, from + Math.max(0, length)) : undefined;
}

/** Of an array that has numbers only. */
function ofNumbers(name: string, about: string, evaluate: (numbers: readonly number[]) => Value) {
  return pure(`${name}(array)`, about, (array) => {
    if (!Array.isArray(array)) return undefined;
    return array.every((element) => typeof element === 'number') ? evaluate(array) : undefined;
  });
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function average(numbers: readonly number[]): Value {
  return numbers.length === 0 ? undefined : finite(sum(numbers) / numbers.length);
}

function median(numbers: readonly number[]): Value {
  if (numbers.length === 0) return undefined;
  const sorted = Float64Array.from(numbers).sort();
  const upper = Math.floor(sorted.length / 2);
  const lower = Math.floor((sorted.length - 1) / 2);
  return finite(((sorted[lower] as number) + (sorted[upper] as number)) / 2);
}

/** The element of a non-empty array of primitives that comes first in the order of types, times `sign`. */
function extreme(name: string, about: string, sign: 1 | -1): BuiltInFunction {
  return pure(`${name}(array)`, about, (array) => {
    if (!Array.isArray(array) || !array.every(isPrimitive)) return undefined;
    let best: Value;
    for (const element of array) {
      if (best === undefined || compareForOrder(element, best) * sign < 0) best = element;
    }
    return best;
  });
}

/** Sets are arrays whose elements are told apart deeply; what is given twice counts once. */
function ofSets(
  name: string,
  about: string,
  evaluate: (a: ReadonlyMap<string, Json>, b: ReadonlyMap<string, Json>) => Value,
): BuiltInFunction {
  return pure(`${name}(array, array)`, about, (a, b) =>
    Array.isArray(a) && Array.isArray(b) ? evaluate(setOf(a), setOf(b)) : undefined,
  );
}

function setOf(array: readonly Json[]): Map<string, Json> {
  const set = new Map<string, Json>();
  for (const element of array) {
    const key = canonicalText(element);
    if (!set.has(key)) set.set(key, element);
  }
  return set;
}

function keep(set: ReadonlyMap<string, Json>, holds: (key: string) => boolean): Json[] {
  const kept: Json[] = [];
  for (const [key, element] of set) if (holds(key)) kept.push(element);
  return kept;
}

const objectToArray: Evaluate = (...operands) => {
  const [object, keyName = 'k', valueName = 'v'] = operands;
  // A name that was given and is missing is not the same as one that was not given.
  if (operands.slice(1).some((name) => typeof name !== 'string')) return undefined;
  if (!isJsonObject(object) || typeof keyName !== 'string' || typeof valueName !== 'string') return undefined;
  return Object.keys(object).map((name) => {
    const pair = emptyObject();
    pair[keyName] = name;
    pair[valueName] = object[name] as Json;
    return pair;
  });
};

export const ARRAY_FUNCTIONS: FunctionFamily = {
  title: 'Arrays, sets and objects',
  functions: [
    ofNumbers('ARRAY_AVG', 'average of numbers; none of an empty array', average),
    pure('ARRAY_CONCAT(array, array, ...)', 'all elements, in order', concat),
    pure(
      'ARRAY_CONTAINS(array, value[, partial])',
      'true when an element equals the value; with `partial`, has all members of that object',
      containsPart,
    ),
    pure('ARRAY_CONTAINS_ALL(array, value, ...)', 'true when the array has every value', (array, ...sought) =>
      allOf(sought, (value) => contains(array, value)),
    ),
    pure('ARRAY_CONTAINS_ANY(array, value, ...)', 'true when the array has a value', (array, ...sought) =>
      anyOf(sought, (value) => contains(array, value)),
    ),
    pure('ARRAY_LENGTH(array)', 'number of elements', (array) =>
      Array.isArray(array) ? array.length : undefined,
    ),
    extreme('ARRAY_MAX', 'greatest element of an array of primitives, in the order of types', -1),
    ofNumbers('ARRAY_MEDIAN', 'the number in the middle, or the mean of two', median),
    extreme('ARRAY_MIN', 'least element of an array of primitives, in the order of types', 1),
    pure(
      'ARRAY_SLICE(array, start[, length])',
      'elements from `start`, counted from 0, or from the end when negative',
      slice,
    ),
    ofNumbers('ARRAY_SUM', 'sum of numbers; 0 of an empty array', (numbers) => finite(sum(numbers))),
    pure(
      'OBJECTTOARRAY(object[, key[, value]])',
      'a pair for each member, its fields named `k` and `v` unless names are given',
      objectToArray,
    ),
    ofSets('SETDIFFERENCE', 'elements of the first that the second lacks', (a, b) =>
      keep(a, (key) => !b.has(key)),
    ),
    ofSets(
      'SETEQUAL',
      'true when both have the same elements',
      (a, b) => a.size === b.size && [...a.keys()].every((key) => b.has(key)),
    ),
    ofSets('SETINTERSECT', 'elements of both, in the order of the second', (a, b) =>
      keep(b, (key) => a.has(key)),
    ),
    ofSets('SETUNION', 'elements of either, in the order in which they come', (a, b) => [
      ...a.values(),
      ...keep(b, (key) => !a.has(key)),
    ]),
  ],
};
