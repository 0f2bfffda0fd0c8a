import type { Steps } from '../../base/index.ts';
import type { Value } from '../values.ts';
import {
  allOf,
  anyOf,
  type BuiltInFunction,
  type FunctionFamily,
  isWholeNumber,
  joined,
  lastPrepared,
  lengthOf,
  prepared,
  pure,
  stepwise,
  TEXT_LENGTH_MAX,
  withLong,
} from './built-in-function.ts';
import { changedSteps, reversed, reversedSteps, trimmedSteps } from './long-texts.ts';
import { lastPlaceSteps, placeSteps, searchEffort } from './text-search.ts';

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

/** Upper or lower case, in the one or the other. */
function ofCase(name: string, about: string, change: (text: string) => string): BuiltInFunction {
  return withLong(ofText(name, about, change), {
    effort: caseEffort,
    *steps(text) {
      return typeof text === 'string' ? yield* changedSteps(text, change) : undefined;
    },
  });
}

/** Texts whose length changes with their case are changed character by character. */
function caseEffort(...texts: Value[]): number {
  return 2 * lengthOf(...texts);
}

function ofText(name: string, about: string, evaluate: (text: string) => Value): BuiltInFunction {
  return pure(`${name}(text)`, about, (text) => (typeof text === 'string' ? evaluate(text) : undefined));
}

/** How a part is sought in a text. */
interface Search {
  readonly atOnce: (text: string, part: string) => boolean;
  readonly steps?: (text: string, part: string) => Steps<boolean>;
  readonly effort: (text: string, part: string) => number;
}

const CONTAINS: Search = {
  atOnce: (text, part) => text.includes(part),
  *steps(text, part) {
    return (yield* placeSteps(text, part)) >= 0;
  },
  effort: searchEffort,
};

/** One that the platform does in no time. */
function comparing(atOnce: Search['atOnce']): Search {
  return {
    atOnce,
    effort: () => 0,
  };
}

function* foundSteps({ atOnce, steps }: Search, text: string, part: string): Steps<boolean> {
  return steps === undefined ? atOnce(text, part) : yield* steps(text, part);
}

/** (text, part[, ignoreCase]): undefined unless both are texts and the flag, when given, is boolean. */
function ofTwoTexts(name: string, about: string, search: Search): BuiltInFunction {
  const found = prepared(`${name}(text, part[, ignoreCase])`, about, () => {
    const lowerPart = lastPrepared(lowered);
    return (...operands) => {
      const [text, part, ignoreCase] = operands;
      if (typeof text !== 'string' || typeof part !== 'string') return undefined;
      if (operands.length < 3 || ignoreCase === false) return search.atOnce(text, part);
      return ignoreCase === true ? search.atOnce(lowered(text), lowerPart(part)) : undefined;
    };
  });
  return withLong(found, {
    effort(text, part, ignoreCase) {
      if (typeof text !== 'string' || typeof part !== 'string') return 0;
      return search.effort(text, part) + (ignoreCase === true ? caseEffort(text, part) : 0);
    },
    *steps(...operands) {
      const [text, part, ignoreCase] = operands;
      if (typeof text !== 'string' || typeof part !== 'string') return undefined;
      if (operands.length < 3 || ignoreCase === false) return yield* foundSteps(search, text, part);
      if (ignoreCase !== true) return undefined;
      const lowerText = yield* changedSteps(text, lowered);
      return yield* foundSteps(search, lowerText, yield* changedSteps(part, lowered));
    },
  });
}

/** Whether the text has any, or all, of some parts. */
function ofParts(
  name: string,
  about: string,
  combine: typeof anyOf,
  change: (text: string) => string,
): BuiltInFunction {
  const found = pure(`${name}(text, part, ...)`, about, (text, ...parts) => {
    const searched = typeof text === 'string' ? change(text) : undefined;
    return combine(parts, (part) =>
      searched === undefined || typeof part !== 'string' ? undefined : searched.includes(change(part)),
    );
  });
  return withLong(found, {
    effort(text, ...parts) {
      if (typeof text !== 'string') return 0;
      let effort = caseEffort(text, ...parts);
      for (const part of parts) if (typeof part === 'string') effort += searchEffort(text, part);
      return effort;
    },
    *steps(text, ...parts) {
      const searched = typeof text === 'string' ? yield* changedSteps(text, change) : undefined;
      const answers: Value[] = [];
      for (const part of parts) {
        const isText = searched !== undefined && typeof part === 'string';
        answers.push(
          isText ? (yield* placeSteps(searched, yield* changedSteps(part, change))) >= 0 : undefined,
        );
      }
      return combine(answers, (answer) => answer);
    },
  });
}

const asIs = (text: string): string => text;

function concat(...operands: Value[]): Value {
  return operands.every((operand) => typeof operand === 'string') ? joined(operands) : undefined;
}

function* indexOf(...operands: Value[]): Steps<Value> {
  const [text, part, start] = operands;
  if (typeof text !== 'string' || typeof part !== 'string') return undefined;
  if (operands.length < 3) return yield* placeSteps(text, part);
  return isWholeNumber(start) ? yield* placeSteps(text, part, start) : undefined;
}

/** With `end`, what is found lies between the start of the text and that place, both included. */
function* lastIndexOf(...operands: Value[]): Steps<Value> {
  const [text, part, end] = operands;
  if (typeof text !== 'string' || typeof part !== 'string') return undefined;
  if (operands.length < 3) return yield* lastPlaceSteps(text, part);
  if (!isWholeNumber(end)) return undefined;
  const from = end - part.length + 1;
  return from < 0 ? -1 : yield* lastPlaceSteps(text, part, from);
}

/** What it takes to find a part in a text. */
function placeEffort(text: Value, part: Value): number {
  return typeof text === 'string' && typeof part === 'string' ? searchEffort(text, part) : 0;
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

/** A part so short is found natively in no time. */
const NATIVE_PART_MAX = 4;

/** The texts between the places of a part, which is not empty. */
function* splitSteps(text: string, part: string): Steps<string[]> {
  if (searchEffort(text, part) + text.length < PIECE) return text.split(part);
  const parts: string[] = [];
  // A search of a long part begins with a table of it: between two places of it there is time for that.
  for (let from = 0; ; ) {
    const place =
      part.length <= NATIVE_PART_MAX ? text.indexOf(part, from) : yield* placeSteps(text, part, from);
    parts.push(place < 0 ? text.slice(from) : text.slice(from, place));
    if (place < 0) return parts;
    from = place + part.length;
    if (parts.length % PIECE === 0) yield;
  }
}

function* replaceAll(text: Value, find: Value, replacement: Value): Steps<Value> {
  if (typeof text !== 'string' || typeof find !== 'string' || typeof replacement !== 'string')
    return undefined;
  if (find === '') return undefined;
  const parts = yield* splitSteps(text, find);
  const length = text.length + (parts.length - 1) * (replacement.length - find.length);
  return length > TEXT_LENGTH_MAX ? undefined : yield* joinedSteps(parts, replacement);
}

function* joinedSteps(texts: readonly string[], separator: string): Steps<string> {
  if (texts.length <= PIECE) return texts.join(separator);
  const pieces: string[] = [];
  for (let from = 0; from < texts.length; from += PIECE) {
    pieces.push(texts.slice(from, from + PIECE).join(separator));
    yield;
  }
  return pieces.join(separator);
}

function replicate(text: Value, times: Value): Value {
  if (typeof text !== 'string' || typeof times !== 'number' || times < 0) return undefined;
  const count = Math.trunc(times);
  return text.length * count > REPLICATED_LENGTH_MAX ? undefined : text.repeat(text === '' ? 0 : count);
}

function* stringJoin(array: Value, separator: Value): Steps<Value> {
  if (!Array.isArray(array) || typeof separator !== 'string') return undefined;
  let length = Math.max(0, array.length - 1) * separator.length;
  for (let i = 0; i < array.length; i++) {
    const element = array[i];
    if (typeof element !== 'string') return undefined;
    length += element.length;
    if (i % PIECE === PIECE - 1) yield;
  }
  return length > TEXT_LENGTH_MAX ? undefined : yield* joinedSteps(array as string[], separator);
}

function* stringSplit(text: Value, separator: Value): Steps<Value> {
  if (typeof text !== 'string' || typeof separator !== 'string') return undefined;
  return separator === '' ? [text] : yield* splitSteps(text, separator);
}

/** What stands on one side of an occurrence of the part; undefined without one. */
function sideOf(
  name: string,
  about: string,
  find: (text: string, part: string) => Steps<number>,
  isBefore: boolean,
): BuiltInFunction {
  return stepwise(`${name}(text, part)`, about, {
    effort: placeEffort,
    *steps(text, part) {
      if (typeof text !== 'string' || typeof part !== 'string') return undefined;
      const place = yield* find(text, part);
      if (place < 0) return undefined;
      return isBefore ? text.slice(0, place) : text.slice(place + part.length);
    },
  });
}

/** Removes white space, or the characters given, from the ends named. */
function trimming(name: string, about: string, ends: { start: boolean; end: boolean }): BuiltInFunction {
  return stepwise(`${name}(text[, characters])`, about, {
    effort: lengthOf,
    *steps(...operands) {
      const [text, characters] = operands;
      if (typeof text !== 'string') return undefined;
      if (operands.length < 2) {
        if (!ends.end) return text.trimStart();
        return ends.start ? text.trim() : text.trimEnd();
      }
      if (typeof characters !== 'string') return undefined;
      const set = new Set<string>();
      yield* changedSteps(characters, (piece) => {
        for (const character of piece) set.add(character);
        return '';
      });
      return yield* trimmedSteps(text, set, ends);
    },
  });
}

/** Characters, or texts, between two moments at which others may have their turn. */
const PIECE = 4_096;

/** Positions and lengths count UTF-16 units from 0; comparisons are ordinal. */
export const STRING_FUNCTIONS: FunctionFamily = {
  title: 'Texts',
  functions: [
    pure('CONCAT(text, text, ...)', 'the texts one behind the other', concat),
    ofTwoTexts('CONTAINS', 'true when the part stands in the text', CONTAINS),
    ofParts('CONTAINS_ALL_CI', 'true when all parts do, whatever their case', allOf, lowered),
    ofParts('CONTAINS_ALL_CS', 'true when all parts do', allOf, asIs),
    ofParts('CONTAINS_ANY_CI', 'true when any part does, whatever its case', anyOf, lowered),
    ofParts('CONTAINS_ANY_CS', 'true when any part does', anyOf, asIs),
    ofTwoTexts(
      'ENDSWITH',
      'true when the text ends with the part',
      comparing((text, part) => text.endsWith(part)),
    ),
    stepwise('INDEX_OF(text, part[, start])', 'first place of the part, -1 without one', {
      effort: placeEffort,
      steps: indexOf,
    }),
    stepwise(
      'LASTINDEXOF(text, part[, end])',
      'last place of the part, -1 without one; the part lies before or at `end`',
      { effort: placeEffort, steps: lastIndexOf },
    ),
    sideOf('LASTSUBSTRINGAFTER', 'what stands behind the last place of the part', lastPlaceSteps, false),
    sideOf('LASTSUBSTRINGBEFORE', 'what stands before the last place of the part', lastPlaceSteps, true),
    pure('LEFT(text, length)', 'the first characters', (text, length) => substring(text, 0, length)),
    ofText('LENGTH', 'number of UTF-16 units', (text) => text.length),
    ofCase('LOWER', 'in lower case', lowered),
    trimming('LTRIM', 'without white space, or the characters, at the start', { start: true, end: false }),
    stepwise(
      'REPLACE(text, find, replacement)',
      'with all occurrences replaced; `undefined` when `find` is empty',
      { effort: lengthOf, steps: replaceAll },
    ),
    pure('REPLICATE(text, times)', 'repeated; `undefined` above 10,000 characters', replicate),
    withLong(ofText('REVERSE', 'backwards', reversed), {
      effort: caseEffort,
      *steps(text) {
        return typeof text === 'string' ? yield* reversedSteps(text) : undefined;
      },
    }),
    pure('RIGHT(text, length)', 'the last characters', right),
    trimming('RTRIM', 'without white space, or the characters, at the end', { start: false, end: true }),
    ofTwoTexts(
      'STARTSWITH',
      'true when the text starts with the part',
      comparing((text, part) => text.startsWith(part)),
    ),
    ofTwoTexts(
      'STRINGEQUALS',
      'true when they are the same',
      comparing((text, part) => text === part),
    ),
    stepwise('STRINGJOIN(array, separator)', 'the texts of an array in one', {
      effort: lengthOf,
      steps: stringJoin,
    }),
    stepwise('STRINGSPLIT(text, separator)', 'an array of the texts between separators', {
      effort: lengthOf,
      steps: stringSplit,
    }),
    pure(
      'SUBSTRING(text, start, length)',
      'so many characters from `start`; empty when there are none',
      substring,
    ),
    sideOf('SUBSTRINGAFTER', 'what stands behind the first place of the part', placeSteps, false),
    sideOf('SUBSTRINGBEFORE', 'what stands before the first place of the part', placeSteps, true),
    trimming('TRIM', 'without white space, or the characters, at both ends', { start: true, end: true }),
    ofCase('UPPER', 'in upper case', raised),
  ],
};
