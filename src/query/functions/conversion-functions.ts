import { isJsonObject, type Json } from '../../base/index.ts';
import { isDeeperThan, VALUE_DEPTH_MAX, type Value } from '../values.ts';
import { type BuiltInFunction, type FunctionFamily, finite, pure } from './built-in-function.ts';

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

function nested(text: string, isWanted: (value: Value) => boolean): Value {
  const value = parseJson(text);
  return isWanted(value) && !isDeeperThan(value as Json, VALUE_DEPTH_MAX) ? value : undefined;
}

function toNumber(text: string): Value {
  const value = parseJson(text);
  return typeof value === 'number' ? finite(value) : undefined;
}

function toBoolean(text: string): Value {
  const value = parseJson(text);
  return typeof value === 'boolean' ? value : undefined;
}

function toText(value: Value): Value {
  return typeof value === 'string' || value === undefined ? value : JSON.stringify(value);
}

export const CONVERSION_FUNCTIONS: FunctionFamily = {
  title: 'Conversions',
  functions: [
    fromText('STRINGTOARRAY', 'the array whose JSON the text is', (text) => nested(text, Array.isArray)),
    fromText('STRINGTOBOOLEAN', 'the boolean whose JSON the text is', toBoolean),
    fromText('STRINGTONULL', '`null` when the text is its JSON', (text) =>
      parseJson(text) === null ? null : undefined,
    ),
    fromText('STRINGTONUMBER', 'the number whose JSON the text is', toNumber),
    fromText('STRINGTOOBJECT', 'the object whose JSON the text is', (text) => nested(text, isJsonObject)),
    pure('TOSTRING(value)', 'a text as it is, any other value as JSON', toText),
  ],
};
