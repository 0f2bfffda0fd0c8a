import { isJsonObject } from '../../base/index.ts';
import { isPrimitive, type Value } from '../values.ts';
import { type BuiltInFunction, builtIn } from './built-in-function.ts';

function typeCheck(holds: (value: Value) => boolean): BuiltInFunction {
  return builtIn(1, 1, holds);
}

// 2^63 itself is the first integer that 64 bits with a sign cannot hold.
const INTEGER_LIMIT = 2 ** 63;

/**
 * Type checks answer false, never undefined, for a missing argument; the rest choose among their arguments.
 */
export const TYPE_FUNCTIONS: Readonly<Record<string, BuiltInFunction>> = {
  IS_ARRAY: typeCheck((value) => Array.isArray(value)),
  IS_BOOL: typeCheck((value) => typeof value === 'boolean'),
  IS_DEFINED: typeCheck((value) => value !== undefined),
  IS_NULL: typeCheck((value) => value === null),
  IS_NUMBER: typeCheck((value) => typeof value === 'number'),
  IS_OBJECT: typeCheck((value) => isJsonObject(value)),
  IS_STRING: typeCheck((value) => typeof value === 'string'),
  IS_PRIMITIVE: typeCheck(isPrimitive),
  IS_FINITE_NUMBER: typeCheck((value) => typeof value === 'number' && Number.isFinite(value)),
  IS_INTEGER: typeCheck(
    (value) =>
      typeof value === 'number' &&
      Number.isInteger(value) &&
      value >= -INTEGER_LIMIT &&
      value < INTEGER_LIMIT,
  ),
  IIF: builtIn(3, 3, (condition, whenTrue, otherwise) => (condition === true ? whenTrue : otherwise)),
};
