import type { Value } from '../values.ts';
import {
  allOf,
  anyOf,
  type BuiltInFunction,
  type FunctionFamily,
  isWholeNumber,
  joined,
  lastPrepared,
  prepared,
  pure,
  TEXT_LENGTH_MAX,
} from './built-in-function.ts';

/** Longest text that REPLICATE makes, in UTF-16 units. */
const REPLICATED_LENGTH_MAX = 10_000;

/**
 * Lower and upper case character by character, as the service does it: `ß` has no upper case of one character
 * and stays, and a sigma is lowered alike wherever it stands.
 */
function lowered(text: string): string {
  const lower = text.toLowerCase();
  return lower.length === text.length && !text.includes('Σ') ? lower : mapCharacters(text, 'toLowerCase');
}

function raised(text: string): string {
  const upper = text.toUpperCase();
  return upper.length === text.length ? upper : mapCharacters(text, 'toUpperCase');
}

function mapCharacters(text: string, change: 'toLowerCase' | 'toUpperCase'): string {
  let mapped = '';
  for (const character of text) {
    const changed = character[change]();
    mapped += changed.length === character.length ? changed : character;
  }
  return mapped;
}

function ofText(name: string, about: string, evaluate: (text: string) => Value): BuiltInFunction {
  return pure(`${name}(text)`, about, (text) => (typeof text === 'string' ? evaluate(text) : undefined));
}

/** (text, part[, ignoreCase]): undefined unless both are texts and the flag, when given, is boolean. */
function ofTwoTexts(
  name: string,
  about: string,
  evaluate: (text: string, part: string) => boolean,
): BuiltInFunction {
  return prepared(`${name}(text, part[, ignoreCase])`, about, () => {
    const lowerPart = lastPrepared(lowered);
    return (...operands) => {
      const [text, part, ignoreCase] = operands;
      if (typeof text !== 'string' || typeof part !== 'string') return undefined;
      if (operands.length < 3 || ignoreCase === false) return evaluate(text, part);
      return ignoreCase === true ? evaluate(lowered(text), lowerPart(part)) : undefined;
    };
  });
}

/** Whether the text has any, or all, of some parts. */
function ofParts(
  name: string,
  about: string,
  combine: typeof anyOf,
  change: (text: string) => string,
): BuiltInFunction {
  return pure(`${name}(text, part, ...)`, about, (text, ...parts) => {
    const searched = typeof text === 'string' ? change(text) : undefined;
    return combine(parts, (part) =>
      searched === undefined || typeof part !== 'string' ? undefined : searched.includes(change(part)),
    );
  });
}

const asIs = (text: string): string => text;

function concat(...operands: Value[]): Value {
  return operands.every((operand) => typeof operand === 'string') ? joined(operands) : undefined;
}

function indexOf(...operands: Value[]): Value {
  const [text, part, start] = operands;
  if (typeof text !== 'string' || typeof part !== 'string') return undefined;
  if (operands.length < 3) return text.indexOf(part);
  return isWholeNumber(start) ? text.indexOf(part, start) : undefined;
}

/** With `end`, what is found lies between the start of the text and that place, both included. */
function lastIndexOf(...operands: Value[]): Value {
  const [text, part, end] = operands;
  if (typeof text !== 'string' || typeof part !== 'string') return undefined;
  if (operands.length < 3) return text.lastIndexOf(part);
  if (!isWholeNumber(end)) return undefined;
  const from = end - part.length + 1;
  return from < 0 ? -1 : text.lastIndexOf(part, from);
}

function substring(text: Value, start: Value, length: Value): Value {
  if (typeof text !== 'string' || typeof start !== 'number' || typeof length !== 'number') return undefined;
  if (text === '') return '';
  if (!isWholeNumber(start) || !isWholeNumber(length)) return undefined;
  return start < 0 || length <= 0 ? '' : text.slice(start, start + length);
}

function right(text: Value, length: Value): Value {
  if (typeof text !== 'string' || !isWholeNumber(length)) return undefined;
  return length <= 0 ? '' : text.slice(-length);
}

function replaceAll(text: Value, find: Value, replacement: Value): Value {
  if (typeof text !== 'string' || typeof find !== 'string' || typeof replacement !== 'string')
    return undefined;
  if (find === '') return undefined;
  const parts = text.split(find);
  const length = text.length + (parts.length - 1) * (replacement.length - find.length);
  return length > TEXT_LENGTH_MAX ? undefined : parts.join(replacement);
}

function replicate(text: Value, times: Value): Value {
  if (typeof text !== 'string' || typeof times !== 'number' || times < 0) return undefined;
  const count = Math.trunc(times);
  return text.length * count > REPLICATED_LENGTH_MAX ? undefined : text.repeat(text === '' ? 0 : count);
}

function stringJoin(array: Value, separator: Value): Value {
  if (!Array.isArray(array) || typeof separator !== 'string') return undefined;
  return array.every((element) => typeof element === 'string') ? joined(array, separator) : undefined;
}

function stringSplit(text: Value, separator: Value): Value {
  if (typeof text !== 'string' || typeof separator !== 'string') return undefined;
  return separator === '' ? [text] : text.split(separator);
}

/** What stands on one side of an occurrence of the part; undefined without one. */
function sideOf(
  name: string,
  about: string,
  cut: (text: string, part: string) => { readonly place: number; readonly isBefore: boolean },
): BuiltInFunction {
  return pure(`${name}(text, part)`, about, (text, part) => {
    if (typeof text !== 'string' || typeof part !== 'string') return undefined;
    const { place, isBefore } = cut(text, part);
    if (place < 0) return undefined;
    return isBefore ? text.slice(0, place) : text.slice(place + part.length);
  });
}

/** Removes white space, or the characters given, from the ends named. */
function trimming(name: string, about: string, ends: { start: boolean; end: boolean }): BuiltInFunction {
  return prepared(`${name}(text[, characters])`, about, () => {
    const setOf = lastPrepared((characters: string) => new Set(characters));
    return (...operands) => {
      const [text, characters] = operands;
      if (typeof text !== 'string') return undefined;
      if (operands.length < 2) {
        if (!ends.end) return text.trimStart();
        return ends.start ? text.trim() : text.trimEnd();
      }
      return typeof characters === 'string' ? trimSet(text, setOf(characters), ends) : undefined;
    };
  });
}

function trimSet(text: string, set: ReadonlySet<string>, ends: { start: boolean; end: boolean }): string {
  const characters = [...text];
  let from = 0;
  let to = characters.length;
  if (ends.start) while (from < to && set.has(characters[from] as string)) from++;
  if (ends.end) while (to > from && set.has(characters[to - 1] as string)) to--;
  return characters.slice(from, to).join('');
}

/** Positions and lengths count UTF-16 units from 0; comparisons are ordinal. */
export const STRING_FUNCTIONS: FunctionFamily = {
  title: 'Texts',
  functions: [
    pure('CONCAT(text, text, ...)', 'the texts one behind the other', concat),
    ofTwoTexts('CONTAINS', 'true when the part stands in the text', (text, part) => text.includes(part)),
    ofParts('CONTAINS_ALL_CI', 'true when all parts do, whatever their case', allOf, lowered),
    ofParts('CONTAINS_ALL_CS', 'true when all parts do', allOf, asIs),
    ofParts('CONTAINS_ANY_CI', 'true when any part does, whatever its case', anyOf, lowered),
    ofParts('CONTAINS_ANY_CS', 'true when any part does', anyOf, asIs),
    ofTwoTexts('ENDSWITH', 'true when the text ends with the part', (text, part) => text.endsWith(part)),
    pure('INDEX_OF(text, part[, start])', 'first place of the part, -1 without one', indexOf),
    pure(
      'LASTINDEXOF(text, part[, end])',
      'last place of the part, -1 without one; the part lies before or at `end`',
      lastIndexOf,
    ),
    sideOf('LASTSUBSTRINGAFTER', 'what stands behind the last place of the part', (text, part) => ({
      place: text.lastIndexOf(part),
      isBefore: false,
    })),
    sideOf('LASTSUBSTRINGBEFORE', 'what stands before the last place of the part', (text, part) => ({
      place: text.lastIndexOf(part),
      isBefore: true,
    })),
    pure('LEFT(text, length)', 'the first characters', (text, length) => substring(text, 0, length)),
    ofText('LENGTH', 'number of UTF-16 units', (text) => text.length),
    ofText('LOWER', 'in lower case', lowered),
    trimming('LTRIM', 'without white space, or the characters, at the start', { start: true, end: false }),
    pure(
      'REPLACE(text, find, replacement)',
      'with all occurrences replaced; `undefined` when `find` is empty',
      replaceAll,
    ),
    pure('REPLICATE(text, times)', 'repeated; `undefined` above 10,000 characters', replicate),
    ofText('REVERSE', 'backwards', (text) => [...text].reverse().join('')),
    pure('RIGHT(text, length)', 'the last characters', right),
    trimming('RTRIM', 'without white space, or the characters, at the end', { start: false, end: true }),
    ofTwoTexts('STARTSWITH', 'true when the text starts with the part', (text, part) =>
      text.startsWith(part),
    ),
    ofTwoTexts('STRINGEQUALS', 'true when they are the same', (text, part) => text === part),
    pure('STRINGJOIN(array, separator)', 'the texts of an array in one', stringJoin),
    pure('STRINGSPLIT(text, separator)', 'an array of the texts between separators', stringSplit),
    pure(
      'SUBSTRING(text, start, length)',
      'so many characters from `start`; empty when there are none',
      substring,
    ),
    sideOf('SUBSTRINGAFTER', 'what stands behind the first place of the part', (text, part) => ({
      place: text.indexOf(part),
      isBefore: false,
    })),
    sideOf('SUBSTRINGBEFORE', 'what stands before the first place of the part', (text, part) => ({
      place: text.indexOf(part),
      isBefore: true,
    })),
    trimming('TRIM', 'without white space, or the characters, at both ends', { start: true, end: true }),
    ofText('UPPER', 'in upper case', raised),
  ],
};
