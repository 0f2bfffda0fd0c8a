import { isJsonObject, type Json, type Steps } from '../../base/index.ts';
import { parseSteps } from '../long-json.ts';
import { effortOf, jsonSteps } from '../long-values.ts';
import { isDeeperThan, VALUE_DEPTH_MAX, type Value } from '../values.ts';
import {
  type BuiltInFunction,
  type FunctionFamily,
  finite,
  lengthOf,
  pure,
  stepwise,
} from './built-in-function.ts';

function parseJson(text: string): Value {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** From the text of a value of one type; undefined for any other text. Spaces around it do not matter. */
function fromText(name: string, about: string, parse: (text: string) => Value): BuiltInFunction {
  return pure(`${name}(text)`, about, (text) => (typeof text === 'string' ? parse(text) : undefined));
}

/** An array or object from its text, in pieces. */
function ofNested(name: string, about: string, isWanted: (value: Value) => boolean): BuiltInFunction {
  return stepwise(`${name}(text)`, about, {
    effort: lengthOf,
    *steps(text) {
      if (typeof text !== 'string') return undefined;
      try {
        const value = yield* parseSteps(text);
        return isWanted(value) && !isDeeperThan(value, VALUE_DEPTH_MAX) ? value : undefined;
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        return undefined;
      }
    },
  });
}

// A text of megabytes that begins like an array is not read as one, only to be none of these.
const LIKE_NUMBER = /^[ \t\n\r]*[-0-9]/;
const LIKE_WORD = /^[ \t\n\r]*[tfn]/;

function toNumber(text: string): Value {
  const value = LIKE_NUMBER.test(text) ? parseJson(text) : undefined;
  return typeof value === 'number' ? finite(value) : undefined;
}

function toBoolean(text: string): Value {
  const value = LIKE_WORD.test(text) ? parseJson(text) : undefined;
  return typeof value === 'boolean' ? value : undefined;
}

function toNull(text: string): Value {
  return LIKE_WORD.test(text) && parseJson(text) === null ? null : undefined;
}

function* textSteps(value: Value): Steps<Value> {
  return typeof value === 'string' || value === undefined ? value : yield* jsonSteps(value);
}

export const CONVERSION_FUNCTIONS: FunctionFamily = {
  title: 'Conversions',
  functions: [
    ofNested('STRINGTOARRAY', 'the array whose JSON the text is', Array.isArray),
    fromText('STRINGTOBOOLEAN', 'the boolean whose JSON the text is', toBoolean),
    fromText('STRINGTONULL', '`null` when the text is its JSON', toNull),
    fromText('STRINGTONUMBER', 'the number whose JSON the text is', toNumber),
    ofNested('STRINGTOOBJECT', 'the object whose JSON the text is', isJsonObject),
    stepwise('TOSTRING(value)', 'a text as it is, any other value as JSON', {
      effort: effortOf,
      steps: textSteps,
    }),
  ],
};
