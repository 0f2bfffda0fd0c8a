import type { Value } from '../values.ts';
import { type FunctionFamily, isWholeNumber, pure } from './built-in-function.ts';

function choose(index: Value, ...values: Value[]): Value {
  return isWholeNumber(index) ? values[index - 1] : undefined;
}

/** They choose among their arguments, whatever those are. */
export const CONDITIONAL_FUNCTIONS: FunctionFamily = {
  title: 'Conditional',
  functions: [
    pure('CHOOSE(index, value, ...)', 'the value at `index`, counted from 1', choose),
    pure(
      'IIF(condition, then, otherwise)',
      '`then` when the condition is exactly true, else `otherwise`',
      (condition, whenTrue, otherwise) => (condition === true ? whenTrue : otherwise),
    ),
  ],
};
