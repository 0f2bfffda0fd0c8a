import { ARRAY_FUNCTIONS } from './array-functions.ts';
import type { BuiltInFunction } from './built-in-function.ts';
import { MATH_FUNCTIONS } from './math-functions.ts';
import { SEARCH_FUNCTIONS } from './search-functions.ts';
import { STRING_FUNCTIONS } from './string-functions.ts';
import { TYPE_FUNCTIONS } from './type-functions.ts';

/** Every built-in scalar function by its upper-case name: one entry each, and nothing else to register. */
const FUNCTIONS: ReadonlyMap<string, BuiltInFunction> = new Map(
  [TYPE_FUNCTIONS, STRING_FUNCTIONS, MATH_FUNCTIONS, ARRAY_FUNCTIONS, SEARCH_FUNCTIONS].flatMap((table) =>
    Object.entries(table),
  ),
);

/** Undefined for a name (in any case) that is no function. */
export function findFunction(name: string): BuiltInFunction | undefined {
  return FUNCTIONS.get(name.toUpperCase());
}

export function functionNames(): string[] {
  return [...FUNCTIONS.keys()];
}
