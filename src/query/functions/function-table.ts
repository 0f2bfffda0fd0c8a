import { ARRAY_FUNCTIONS } from './array-functions.ts';
import type { BuiltInFunction, FunctionFamily } from './built-in-function.ts';
import { CONDITIONAL_FUNCTIONS } from './conditional-functions.ts';
import { CONVERSION_FUNCTIONS } from './conversion-functions.ts';
import { DATE_TIME_FUNCTIONS } from './date-time-functions.ts';
import { INTEGER_FUNCTIONS } from './integer-functions.ts';
import { ITEM_FUNCTIONS } from './item-functions.ts';
import { MATH_FUNCTIONS } from './math-functions.ts';
import { REGEX_FUNCTIONS } from './regex-functions.ts';
import { FULL_TEXT_FUNCTIONS, VECTOR_FUNCTIONS } from './search-functions.ts';
import { SPATIAL_FUNCTIONS } from './spatial-functions.ts';
import { STRING_FUNCTIONS } from './string-functions.ts';
import { TYPE_FUNCTIONS } from './type-functions.ts';

/** Every built-in scalar function, in the order of the reference page. A new family is a line here. */
export const FUNCTION_FAMILIES: readonly FunctionFamily[] = [
  TYPE_FUNCTIONS,
  CONDITIONAL_FUNCTIONS,
  STRING_FUNCTIONS,
  REGEX_FUNCTIONS,
  CONVERSION_FUNCTIONS,
  MATH_FUNCTIONS,
  INTEGER_FUNCTIONS,
  ARRAY_FUNCTIONS,
  DATE_TIME_FUNCTIONS,
  ITEM_FUNCTIONS,
  SPATIAL_FUNCTIONS,
  FULL_TEXT_FUNCTIONS,
  VECTOR_FUNCTIONS,
];

/** Second spellings of a name that the service knows too. */
export const FUNCTION_ALIASES: Readonly<Record<string, string>> = {
  CONTAINSALLCI: 'CONTAINS_ALL_CI',
  CONTAINSALLCS: 'CONTAINS_ALL_CS',
  CONTAINSANYCI: 'CONTAINS_ANY_CI',
  CONTAINSANYCS: 'CONTAINS_ANY_CS',
  INTBITWISEAND: 'INTBITAND',
  INTBITWISELEFTSHIFT: 'INTBITLEFTSHIFT',
  INTBITWISENOT: 'INTBITNOT',
  INTBITWISEOR: 'INTBITOR',
  INTBITWISERIGHTSHIFT: 'INTBITRIGHTSHIFT',
  INTBITWISEXOR: 'INTBITXOR',
};

const FUNCTIONS: ReadonlyMap<string, BuiltInFunction> = new Map(
  FUNCTION_FAMILIES.flatMap((family) => family.functions).map((each) => [each.name, each]),
);

/** Undefined for a name (in any case) that is no function. */
export function findFunction(name: string): BuiltInFunction | undefined {
  const upper = name.toUpperCase();
  return FUNCTIONS.get(Object.hasOwn(FUNCTION_ALIASES, upper) ? (FUNCTION_ALIASES[upper] ?? upper) : upper);
}
