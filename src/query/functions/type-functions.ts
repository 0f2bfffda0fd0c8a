import { isJsonObject } from '../../base/index.ts';
import { isPrimitive, type Value } from '../values.ts';
import { type BuiltInFunction, type FunctionFamily, pure } from './built-in-function.ts';
import { parseDateTime } from './date-time.ts';

function typeCheck(name: string, about: string, holds: (value: Value) => boolean): BuiltInFunction {
  return pure(`${name}(value)`, about, holds);
}

/**
 * Bound of the integers of 64 bits. The greatest of them, 2^63 - 1, becomes 2^63 as a double: the two cannot
 * be told apart, and the one that people write is the integer.
 */
const INTEGER_LIMIT = 2 ** 63;

function isInteger(value: Value): boolean {
  return (
    typeof value === 'number' && Number.isInteger(value) && value >= -INTEGER_LIMIT && value <= INTEGER_LIMIT
  );
}

/** Type checks answer false, never undefined, for a missing argument. */
export const TYPE_FUNCTIONS: FunctionFamily = {
  title: 'Type checks',
  functions: [
    typeCheck('IS_ARRAY', 'true for an array', (value) => Array.isArray(value)),
    typeCheck('IS_BOOL', 'true for a boolean', (value) => typeof value === 'boolean'),
    typeCheck(
      'IS_DATETIME',
      'true for a text that is a date, or a date and time, in ISO 8601',
      (value) => typeof value === 'string' && parseDateTime(value) !== undefined,
    ),
    typeCheck('IS_DEFINED', 'true for everything but `undefined`', (value) => value !== undefined),
    typeCheck(
      'IS_FINITE_NUMBER',
      'true for a number that is neither infinite nor NaN',
      (value) => typeof value === 'number' && Number.isFinite(value),
    ),
    typeCheck('IS_INTEGER', 'true for an integer of at most 64 bits', isInteger),
    typeCheck('IS_NULL', 'true for `null`', (value) => value === null),
    typeCheck('IS_NUMBER', 'true for a number', (value) => typeof value === 'number'),
    typeCheck('IS_OBJECT', 'true for an object', (value) => isJsonObject(value)),
    typeCheck('IS_PRIMITIVE', 'true for `null`, a boolean, a number or a text', isPrimitive),
    typeCheck('IS_STRING', 'true for a text', (value) => typeof value === 'string'),
  ],
};
