import { RE2JS, RE2JSException } from 're2js';
import { DatabaseError } from '../../errors/index.ts';
import type { Value } from '../values.ts';
import {
  ARRAY_LENGTH_MAX,
  type BuiltInFunction,
  type FunctionFamily,
  lastPrepared,
  prepared,
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
  evaluate: (regex: RE2JS, text: string) => Value,
  isTest = false,
): BuiltInFunction {
  return prepared(`${name}(text, pattern[, modifiers])`, about, () => {
    let modifiersOfLast = '';
    let prepare = lastPrepared((pattern: string) => compileRegex(pattern, '', isTest));
    return (...operands) => {
      const [text, pattern] = operands;
      const modifiers = operands.length < 3 ? '' : operands[2];
      if (typeof text !== 'string' || typeof pattern !== 'string' || typeof modifiers !== 'string')
        return undefined;
      if (modifiers !== modifiersOfLast) {
        modifiersOfLast = modifiers;
        prepare = lastPrepared((each) => compileRegex(each, modifiers, isTest));
      }
      const regex = prepare(pattern);
      if (regex === undefined) return undefined;
      if (regex.programSize() * text.length > STEPS_MAX)
        throw refuse(pattern, 'it is too large for a text that long');
      return evaluate(regex, text);
    };
  });
}

function extract(regex: RE2JS, text: string): Value {
  const matcher = regex.matcher(text);
  return matcher.find() ? (matcher.group() ?? undefined) : undefined;
}

function extractAll(regex: RE2JS, text: string): Value {
  const matcher = regex.matcher(text);
  const found: string[] = [];
  while (found.length < ARRAY_LENGTH_MAX && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}

/** Patterns are those of PCRE as far as their search takes linear time; modifiers are `m`, `s`, `i`, `x`. */
export const REGEX_FUNCTIONS: FunctionFamily = {
  title: 'Regular expressions',
  functions: [
    ofRegex('REGEXEXTRACT', 'the first match; `undefined` without one', extract),
    ofRegex('REGEXEXTRACTALL', 'an array of all matches', extractAll),
    ofRegex(
      'REGEXMATCH',
      'true when the pattern is found in the text',
      (regex, text) => regex.test(text),
      true,
    ),
  ],
};
