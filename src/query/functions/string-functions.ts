import type { Value } from '../values.ts';
import { type BuiltInFunction, builtIn, joined, TEXT_LENGTH_MAX } from './built-in-function.ts';

/** Longest text that REPLICATE makes, in UTF-16 units. */
const REPLICATED_LENGTH_MAX = 10_000;

function ofString(evaluate: (text: string) => Value): BuiltInFunction {
  return builtIn(1, 1, (text) => (typeof text === 'string' ? evaluate(text) : undefined));
}

/** (text, part[, ignoreCase]): undefined unless both are strings and the flag, when given, is boolean. */
function ofTwoStrings(evaluate: (text: string, part: string) => Value): BuiltInFunction {
  return builtIn(2, 3, (...operands) => {
    const [text, part, ignoreCase] = operands;
    if (typeof text !== 'string' || typeof part !== 'string') return undefined;
    if (operands.length < 3 || ignoreCase === false) return evaluate(text, part);
    return ignoreCase === true ? evaluate(text.toLowerCase(), part.toLowerCase()) : undefined;
  });
}

function concat(...operands: Value[]): Value {
  return operands.every((operand) => typeof operand === 'string') ? joined(operands) : undefined;
}

function isWholeNumber(value: Value): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}

function indexOf(...operands: Value[]): Value {
  const [text, part, start] = operands;
  if (typeof text !== 'string' || typeof part !== 'string') return undefined;
  if (operands.length < 3) return text.indexOf(part);
  return isWholeNumber(start) ? text.indexOf(part, start) : undefined;
}

function left(text: Value, length: Value): Value {
  if (typeof text !== 'string' || !isWholeNumber(length)) return undefined;
  return text.slice(0, Math.max(0, length));
}

function right(text: Value, length: Value): Value {
  if (typeof text !== 'string' || !isWholeNumber(length)) return undefined;
  return length <= 0 ? '' : text.slice(-length);
}

function substring(text: Value, start: Value, length: Value): Value {
  if (typeof text !== 'string' || !isWholeNumber(start) || !isWholeNumber(length)) return undefined;
  return start < 0 || length <= 0 ? '' : text.slice(start, start + length);
}

function replaceAll(text: Value, find: Value, replacement: Value): Value {
  if (typeof text !== 'string' || typeof find !== 'string' || typeof replacement !== 'string')
    return undefined;
  if (find === '') return text;
  const parts = text.split(find);
  const length = text.length + (parts.length - 1) * (replacement.length - find.length);
  return length > TEXT_LENGTH_MAX ? undefined : parts.join(replacement);
}

function replicate(text: Value, times: Value): Value {
  if (typeof text !== 'string' || !isWholeNumber(times) || times < 0) return undefined;
  return text.length * times > REPLICATED_LENGTH_MAX ? undefined : text.repeat(times);
}

function toText(value: Value): Value {
  return typeof value === 'string' || value === undefined ? value : JSON.stringify(value);
}

export const STRING_FUNCTIONS: Readonly<Record<string, BuiltInFunction>> = {
  CONCAT: builtIn(2, Number.POSITIVE_INFINITY, concat),
  CONTAINS: ofTwoStrings((text, part) => text.includes(part)),
  ENDSWITH: ofTwoStrings((text, part) => text.endsWith(part)),
  INDEX_OF: builtIn(2, 3, indexOf),
  LEFT: builtIn(2, 2, left),
  LENGTH: ofString((text) => text.length),
  LOWER: ofString((text) => text.toLowerCase()),
  LTRIM: ofString((text) => text.trimStart()),
  REPLACE: builtIn(3, 3, replaceAll),
  REPLICATE: builtIn(2, 2, replicate),
  REVERSE: ofString((text) => [...text].reverse().join('')),
  RIGHT: builtIn(2, 2, right),
  RTRIM: ofString((text) => text.trimEnd()),
  STARTSWITH: ofTwoStrings((text, part) => text.startsWith(part)),
  STRINGEQUALS: ofTwoStrings((text, part) => text === part),
  SUBSTRING: builtIn(3, 3, substring),
  TOSTRING: builtIn(1, 1, toText),
  TRIM: ofString((text) => text.trim()),
  UPPER: ofString((text) => text.toUpperCase()),
};
