import { RE2JS, RE2JSException } from 're2js';
import type { Steps } from '../../base/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import type { Value } from '../values.ts';
import {
  ARRAY_LENGTH_MAX,
  type BuiltInFunction,
  bound,
  type FunctionFamily,
  lastPrepared,
  lengthOf,
} from './built-in-function.ts';
import { translatePattern } from './pcre-pattern.ts';

/** Instructions of a compiled pattern. */
const PROGRAM_SIZE_MAX = 1_000;
/**
 * Instructions times characters of one search: the work of the worst pattern, some 12 ns each when measured.
 * More than that would keep everybody else waiting.
 */
const STEPS_MAX = 20_000_000;

const MODIFIERS: Readonly<Record<string, number>> = {
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
  i: RE2JS.CASE_INSENSITIVE,
  x: 0,
};

/** A pattern made ready; undefined when pattern or modifiers are not valid. */
type Regex = RE2JS | undefined;

/** @throws DatabaseError `BadRequest` for a valid pattern that cannot be searched for in linear time. */
function compileRegex(pattern: string, modifiers: string, isTest: boolean): Regex {
  let flags = RE2JS.LOOKBEHINDS;
  for (const modifier of modifiers) {
    if (!Object.hasOwn(MODIFIERS, modifier)) return undefined;
    flags |= MODIFIERS[modifier] ?? 0;
  }
  const translated = translatePattern(pattern, {
    isExtended: modifiers.includes('x'),
    isMultiline: modifiers.includes('m'),
    isTest,
  });
  if (translated.kind === 'unsupported') throw refuse(pattern, `it has ${translated.what}`);
  const regex = compileTranslated(pattern, translated.source, flags);
  if (regex !== undefined && regex.programSize() > PROGRAM_SIZE_MAX) throw refuse(pattern, 'it is too large');
  return regex;
}

function compileTranslated(pattern: string, source: string, flags: number): Regex {
  try {
    return RE2JS.compile(source, flags);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    if (/repeat|too large|too deep|nest/.test(error.message)) throw refuse(pattern, 'it repeats too much');
    return undefined;
  }
}

function refuse(pattern: string, why: string): DatabaseError {
  const shown = pattern.length > 100 ? `${pattern.slice(0, 100)}…` : pattern;
  return new DatabaseError('BadRequest', `The regular expression '${shown}' is not supported: ${why}.`);
}

/** (text, pattern[, modifiers]): undefined for anything but texts, and for patterns that are none. */
function ofRegex(
  name: string,
  about: string,
  search: (regex: RE2JS, text: string) => Steps<Value>,
  isTest = false,
): BuiltInFunction {
  return bound(`${name}(text, pattern[, modifiers])`, about, () => {
    let modifiersOfLast = '';
    let prepare = lastPrepared((pattern: string) => compileRegex(pattern, '', isTest));
    const regexOf = (text: Value, pattern: Value, modifiers: Value): Regex => {
      if (typeof text !== 'string' || typeof pattern !== 'string' || typeof modifiers !== 'string')
        return undefined;
      if (modifiers !== modifiersOfLast) {
        modifiersOfLast = modifiers;
        prepare = lastPrepared((each) => compileRegex(each, modifiers, isTest));
      }
      const regex = prepare(pattern);
      if (regex !== undefined && regex.programSize() * text.length > STEPS_MAX)
        throw refuse(pattern, 'it is too large for a text that long');
      return regex;
    };
    function* steps(...operands: Value[]): Steps<Value> {
      const [text, pattern] = operands;
      const regex = regexOf(text, pattern, operands.length < 3 ? '' : operands[2]);
      return regex === undefined || typeof text !== 'string' ? undefined : yield* search(regex, text);
    }
    return { effort: (text) => EFFORT_OF_CHARACTER * lengthOf(text), steps };
  });
}

/** What a character takes of a search that finds groups, in the unit of effort. */
const EFFORT_OF_CHARACTER = 2;
/** Matches, and characters between them, between two moments at which others may have their turn. */
const MATCHES_PER_STEP = 512;
const CHARACTERS_PER_STEP = 8_192;

// biome-ignore lint/correctness/useYield: the engine finds one match at one go
function* test(regex: RE2JS, text: string): Steps<Value> {
  return regex.test(text);
}

function* extract(regex: RE2JS, text: string): Steps<Value> {
  // Whether there is a match is known much sooner than where.
  if (text.length > CHARACTERS_PER_STEP) {
    if (!regex.test(text)) return undefined;
    yield;
  }
  const matcher = regex.matcher(text);
  return matcher.find() ? (matcher.group() ?? undefined) : undefined;
}

function* extractAll(regex: RE2JS, text: string): Steps<Value> {
  const found: string[] = [];
  if (text.length > CHARACTERS_PER_STEP) {
    if (!regex.test(text)) return found;
    yield;
  }
  const matcher = regex.matcher(text);
  let before = 0;
  while (found.length < ARRAY_LENGTH_MAX && matcher.find()) {
    found.push(matcher.group() ?? '');
    const place = matcher.end();
    if (found.length % MATCHES_PER_STEP > 0 && place - before < CHARACTERS_PER_STEP) continue;
    before = place;
    yield;
  }
  return found;
}

/** Patterns are those of PCRE as far as their search takes linear time; modifiers are `m`, `s`, `i`, `x`. */
export const REGEX_FUNCTIONS: FunctionFamily = {
  title: 'Regular expressions',
  functions: [
    ofRegex('REGEXEXTRACT', 'the first match; `undefined` without one', extract),
    ofRegex('REGEXEXTRACTALL', 'an array of all matches', extractAll),
    ofRegex('REGEXMATCH', 'true when the pattern is found in the text', test, true),
  ],
};
