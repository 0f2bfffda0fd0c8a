import { finish, isJsonObject, type Json, type JsonObject, type Steps } from '../../base/index.ts';
import { namesOf } from '../long-objects.ts';
import { PIECE, sortedNumbers } from '../long-sort.ts';
import { canonicalSteps, effortOf, equalSteps } from '../long-values.ts';
import { compareForOrder, deepEqual, isPrimitive, type Value } from '../values.ts';
import {
  ARRAY_LENGTH_MAX,
  allOf,
  anyOf,
  type BuiltInFunction,
  type FunctionFamily,
  finite,
  isWholeNumber,
  lengthOf,
  pure,
  stepwise,
  withLong,
} from './built-in-function.ts';

function contains(array: Value, sought: Value): boolean | undefined {
  if (!Array.isArray(array) || sought === undefined) return undefined;
  for (const element of array) if (deepEqual(element, sought)) return true;
  return false;
}

function* containsSteps(array: Value, sought: Value): Steps<boolean | undefined> {
  if (!Array.isArray(array) || sought === undefined) return undefined;
  if (isPrimitive(sought)) return array.includes(sought);
  return yield* someSteps(array, (element) => equalSteps(element, sought));
}

/** Whether `holds` for an element. Others have their turn after each piece, whatever an element takes. */
function* someSteps(array: readonly Json[], holds: (element: Json) => Steps<boolean>): Steps<boolean> {
  let place = 0;
  for (const element of array) {
    if (++place % PIECE_OF_OBJECTS === 0) yield;
    if (yield* holds(element)) return true;
  }
  return false;
}

const PIECE_OF_OBJECTS = 512;

/** What it takes to look for values in an array. */
function containsEffort(array: Value, ...sought: Value[]): number {
  if (!Array.isArray(array)) return 0;
  let effort = 0;
  for (const value of sought)
    effort += isPrimitive(value) ? array.length / 8 : effortOf(value) + effortOf(array);
  return effort;
}

/** Whether `whole` has all members of `part`, each with an equal value. */
function hasMembers(whole: Json, part: JsonObject): boolean {
  return finish(hasMembersSteps(whole, part));
}

function* hasMembersSteps(whole: Json, part: JsonObject): Steps<boolean> {
  if (!isJsonObject(whole)) return false;
  let place = 0;
  for (const name of namesOf(part)) {
    if (++place % PIECE_OF_OBJECTS === 0) yield;
    if (!Object.hasOwn(whole, name)) return false;
    if (!(yield* equalSteps(whole[name] as Json, part[name] as Json))) return false;
  }
  return true;
}

function containsPart(array: Value, sought: Value, isPartial: Value = false): boolean | undefined {
  if (typeof isPartial !== 'boolean') return undefined;
  if (!isPartial || !isJsonObject(sought)) return contains(array, sought);
  return Array.isArray(array) ? array.some((element) => hasMembers(element, sought)) : undefined;
}

function* containsPartSteps(array: Value, sought: Value, isPartial: Value = false): Steps<Value> {
  if (typeof isPartial !== 'boolean') return undefined;
  if (!isPartial || !isJsonObject(sought)) return yield* containsSteps(array, sought);
  return Array.isArray(array) ? yield* someSteps(array, (each) => hasMembersSteps(each, sought)) : undefined;
}

/** ARRAY_CONTAINS_ALL and _ANY. */
function ofSought(name: string, about: string, combine: typeof anyOf): BuiltInFunction {
  const found = pure(`${name}(array, value, ...)`, about, (array, ...sought) =>
    combine(sought, (value) => contains(array, value)),
  );
  return withLong(found, {
    effort: containsEffort,
    *steps(array, ...sought) {
      const answers: Value[] = [];
      for (const value of sought) {
        answers.push(yield* containsSteps(array, value));
        yield;
      }
      return combine(answers, (answer) => answer);
    },
  });
}

function concat(...operands: Value[]): Value {
  if (!operands.every((operand) => Array.isArray(operand))) return undefined;
  let length = 0;
  for (const operand of operands) length += operand.length;
  return length > ARRAY_LENGTH_MAX ? undefined : operands.flat(1);
}

function* concatSteps(...operands: Value[]): Steps<Value> {
  if (!operands.every((operand) => Array.isArray(operand))) return undefined;
  let length = 0;
  for (const operand of operands) length += operand.length;
  if (length > ARRAY_LENGTH_MAX) return undefined;
  const all: Json[] = [];
  for (const operand of operands) {
    for (const element of operand) {
      all.push(element);
      if (all.length % PIECE === 0) yield;
    }
  }
  return all;
}

function slice(...operands: Value[]): Value {
  const [array, start, length] = operands;
  if (!Array.isArray(array) || !isWholeNumber(start)) return undefined;
  const from = start < 0 ? Math.max(0, array.length + start) : start;
  if (operands.length < 3) return array.slice(from);
  return isWholeNumber(length) ? array.slice(from, from + Math.max(0, length)) : undefined;
}

/** Of an array that has numbers only. */
function ofNumbers(name: string, about: string, evaluate: (numbers: readonly number[]) => Steps<Value>) {
  return stepwise(`${name}(array)`, about, {
    effort: lengthOf,
    *steps(array) {
      if (!Array.isArray(array)) return undefined;
      for (let i = 0; i < array.length; i++) {
        if (typeof array[i] !== 'number') return undefined;
        if (i % PIECE === PIECE - 1) yield;
      }
      return yield* evaluate(array as readonly number[]);
    },
  });
}

function* sum(numbers: readonly number[]): Steps<number> {
  let total = 0;
  for (let i = 0; i < numbers.length; i++) {
    total += numbers[i] as number;
    if (i % PIECE === PIECE - 1) yield;
  }
  return total;
}

function* average(numbers: readonly number[]): Steps<Value> {
  return numbers.length === 0 ? undefined : finite((yield* sum(numbers)) / numbers.length);
}

function* median(numbers: readonly number[]): Steps<Value> {
  if (numbers.length === 0) return undefined;
  const sorted = yield* sortedNumbers(numbers);
  const upper = Math.floor(sorted.length / 2);
  const lower = Math.floor((sorted.length - 1) / 2);
  return finite(((sorted[lower] as number) + (sorted[upper] as number)) / 2);
}

/** The element of a non-empty array of primitives that comes first in the order of types, times `sign`. */
function extreme(name: string, about: string, sign: 1 | -1): BuiltInFunction {
  return stepwise(`${name}(array)`, about, {
    effort: lengthOf,
    *steps(array) {
      if (!Array.isArray(array)) return undefined;
      let best: Value;
      for (let i = 0; i < array.length; i++) {
        const element = array[i] as Json;
        if (!isPrimitive(element)) return undefined;
        if (best === undefined || compareForOrder(element, best) * sign < 0) best = element;
        if (i % PIECE === PIECE - 1) yield;
      }
      return best;
    },
  });
}

/** Elements that are told apart deeply. */
class ElementSet {
  readonly #primitives = new Set<Json>();
  readonly #texts = new Set<string>();

  get size(): number {
    return this.#primitives.size + this.#texts.size;
  }

  /** `key`: of `keySteps`. */
  has(element: Json, key: string): boolean {
    return isPrimitive(element) ? this.#primitives.has(element) : this.#texts.has(key);
  }

  /** Whether no equal one was added before. */
  add(element: Json, key: string): boolean {
    const before = this.size;
    if (isPrimitive(element)) this.#primitives.add(element);
    else this.#texts.add(key);
    return this.size > before;
  }
}

/** Does something with each element and its key: the same text for equal ones that are no primitives. */
function* forEachKey(array: readonly Json[], take: (element: Json, key: string) => void): Steps<void> {
  let place = 0;
  for (const element of array) {
    const isOne = isPrimitive(element);
    take(element, isOne ? '' : yield* canonicalSteps(element));
    if (++place % (isOne ? PIECE : PIECE_OF_OBJECTS) === 0) yield;
  }
}

function* setOf(array: readonly Json[]): Steps<ElementSet> {
  const set = new ElementSet();
  yield* forEachKey(array, (element, key) => set.add(element, key));
  return set;
}

/** Elements without repetitions, in order, of which `holds` is true. */
function* kept(
  arrays: readonly (readonly Json[])[],
  holds: (element: Json, key: string) => boolean,
): Steps<Json[]> {
  const set = new ElementSet();
  const found: Json[] = [];
  for (const array of arrays) {
    yield* forEachKey(array, (element, key) => {
      if (holds(element, key) && set.add(element, key)) found.push(element);
    });
  }
  return found;
}

/** Sets are arrays whose elements are told apart deeply; what is given twice counts once. */
function ofSets(
  name: string,
  about: string,
  evaluate: (a: readonly Json[], b: readonly Json[]) => Steps<Value>,
): BuiltInFunction {
  return stepwise(`${name}(array, array)`, about, {
    effort: (a, b) => effortOf(a) + effortOf(b),
    *steps(a, b) {
      return Array.isArray(a) && Array.isArray(b) ? yield* evaluate(a, b) : undefined;
    },
  });
}

function* isSameSet(a: readonly Json[], b: readonly Json[]): Steps<boolean> {
  const first = yield* setOf(a);
  const second = yield* setOf(b);
  let isSame = first.size === second.size;
  yield* forEachKey(a, (element, key) => {
    isSame &&= second.has(element, key);
  });
  return isSame;
}

function* objectToArray(...operands: Value[]): Steps<Value> {
  const [object, keyName = 'k', valueName = 'v'] = operands;
  // A name that was given and is missing is not the same as one that was not given.
  if (operands.slice(1).some((name) => typeof name !== 'string')) return undefined;
  if (!isJsonObject(object) || typeof keyName !== 'string' || typeof valueName !== 'string') return undefined;
  const pairs: Json[] = [];
  for (const name of namesOf(object)) {
    // A literal takes any name as plain data; objects that grow name by name are several times as large.
    pairs.push({ [keyName]: name, [valueName]: object[name] as Json });
    if (pairs.length % PIECE === 0) yield;
  }
  return pairs;
}

export const ARRAY_FUNCTIONS: FunctionFamily = {
  title: 'Arrays, sets and objects',
  functions: [
    ofNumbers('ARRAY_AVG', 'average of numbers; none of an empty array', average),
    withLong(pure('ARRAY_CONCAT(array, array, ...)', 'all elements, in order', concat), {
      effort: lengthOf,
      steps: concatSteps,
    }),
    withLong(
      pure(
        'ARRAY_CONTAINS(array, value[, partial])',
        'true when an element equals the value; with `partial`, has all members of that object',
        containsPart,
      ),
      { effort: containsEffort, steps: containsPartSteps },
    ),
    ofSought('ARRAY_CONTAINS_ALL', 'true when the array has every value', allOf),
    ofSought('ARRAY_CONTAINS_ANY', 'true when the array has a value', anyOf),
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
    ofNumbers('ARRAY_SUM', 'sum of numbers; 0 of an empty array', function* (numbers) {
      return finite(yield* sum(numbers));
    }),
    stepwise(
      'OBJECTTOARRAY(object[, key[, value]])',
      'a pair for each member, its fields named `k` and `v` unless names are given',
      { effort: effortOf, steps: objectToArray },
    ),
    ofSets('SETDIFFERENCE', 'elements of the first that the second lacks', function* (a, b) {
      const second = yield* setOf(b);
      return yield* kept([a], (element, key) => !second.has(element, key));
    }),
    ofSets('SETEQUAL', 'true when both have the same elements', isSameSet),
    ofSets('SETINTERSECT', 'elements of both, in the order of the second', function* (a, b) {
      const first = yield* setOf(a);
      return yield* kept([b], (element, key) => first.has(element, key));
    }),
    ofSets('SETUNION', 'elements of either, in the order in which they come', (a, b) =>
      kept([a, b], () => true),
    ),
  ],
};
