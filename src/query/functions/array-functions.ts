import { isJsonObject, type Json } from '../../base/index.ts';
import { deepEqual, type Value } from '../values.ts';
import { ARRAY_LENGTH_MAX, type BuiltInFunction, builtIn } from './built-in-function.ts';

/**
 * Whether every member of `part` is in `whole`, at every depth; elements of arrays must equal one another.
 */
function includesMembers(whole: Json, part: Json): boolean {
  if (!isJsonObject(whole) || !isJsonObject(part)) return deepEqual(whole, part);
  return Object.keys(part).every(
    (name) => Object.hasOwn(whole, name) && includesMembers(whole[name] as Json, part[name] as Json),
  );
}

function contains(...operands: Value[]): Value {
  const [array, sought, partial] = operands;
  if (!Array.isArray(array) || sought === undefined) return undefined;
  if (operands.length < 3 || partial === false) return array.some((element) => deepEqual(element, sought));
  return partial === true ? array.some((element) => includesMembers(element, sought)) : undefined;
}

function concat(...operands: Value[]): Value {
  if (!operands.every((operand) => Array.isArray(operand))) return undefined;
  let length = 0;
  for (const operand of operands) length += operand.length;
  return length > ARRAY_LENGTH_MAX ? undefined : operands.flat(1);
}

function slice(...operands: Value[]): Value {
  const [array, start, length] = operands;
  if (!Array.isArray(array) || typeof start !== 'number' || !Number.isInteger(start)) return undefined;
  const from = start < 0 ? Math.max(0, array.length + start) : start;
  if (operands.length < 3) return array.slice(from);
  if (typeof length !== 'number' || !Number.isInteger(length)) return undefined;
  return array.slice(from, from + Math.max(0, length));
}

export const ARRAY_FUNCTIONS: Readonly<Record<string, BuiltInFunction>> = {
  ARRAY_CONCAT: builtIn(2, Number.POSITIVE_INFINITY, concat),
  ARRAY_CONTAINS: builtIn(2, 3, contains),
  ARRAY_LENGTH: builtIn(1, 1, (array) => (Array.isArray(array) ? array.length : undefined)),
  ARRAY_SLICE: builtIn(2, 3, slice),
};
