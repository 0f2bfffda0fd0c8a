import { RE2JS, RE2JSException } from 're2js';
import type { Steps } from '../../base/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import { EFFORT_AT_ONCE } from '../long-work.ts';
import type { Value } from '../values.ts';
import {
  ARRAY_LENGTH_MAX,
  type BuiltInFunction,
  bound,
  type FunctionFamily,
  lastPrepared,
} from './built-in-function.ts';
import { estimatedSize } from './pattern-size.ts';
import { translatePattern } from './pcre-pattern.ts';
import { RegexSearch } from './regex-search.ts';

/** Longer ones take too long to be read. */
const PATTERN_LENGTH_MAX = 4_096;
/** Instructions of a compiled pattern. */
const PROGRAM_SIZE_MAX = 1_000;
/** The same by estimate, which may be wrong by some factor. */
const ESTIMATE_MAX = 4 * PROGRAM_SIZE_MAX;
/**
 * Instructions times characters of one search: the work of the worst pattern, some 12 ns each when measured.
 * A query has to end some time.
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
  if (pattern.length > PATTERN_LENGTH_MAX) throw refuse(pattern, 'it is too long');
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
  // Those that would be far too large are not even made.
  if (estimatedSize(translated.source) > ESTIMATE_MAX) throw refuse(pattern, 'it repeats too much');
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
    const regexOfCall = (operands: readonly Value[]): Regex =>
      regexOf(operands[0], operands[1], operands.length < 3 ? '' : operands[2]);
    function* steps(...operands: Value[]): Steps<Value> {
      const [text] = operands;
      const regex = regexOfCall(operands);
      return regex === undefined || typeof text !== 'string' ? undefined : yield* search(regex, text);
    }
    function effort(...operands: Value[]): number {
      const [text] = operands;
      const regex = regexOfCall(operands);
      return regex === undefined || typeof text !== 'string' ? 0 : effortOf(regex, text);
    }
    return { effort, steps, isAlwaysCounted: true };
  });
}

/** Instructions times characters that are like one unit of effort. */
const LOOKS_LIKE_EFFORT = 4;

/** What a search takes at the worst. */
function effortOf(regex: RE2JS, text: string): number {
  return (regex.programSize() * text.length) / LOOKS_LIKE_EFFORT;
}

function isLong(regex: RE2JS, text: string): boolean {
  return effortOf(regex, text) > EFFORT_AT_ONCE;
}

function* test(regex: RE2JS, text: string): Steps<Value> {
  return isLong(regex, text) ? yield* new RegexSearch(regex, text).test() : regex.test(text);
}

function* extract(regex: RE2JS, text: string): Steps<Value> {
  if (!isLong(regex, text)) {
    const matcher = regex.matcher(text);
    return matcher.find() ? (matcher.group() ?? undefined) : undefined;
  }
  const search = new RegexSearch(regex, text);
  // Whether there is a match is known much sooner than where.
  const match = (yield* search.test()) ? yield* search.find(0) : undefined;
  return match && text.slice(...match);
}

function* extractAll(regex: RE2JS, text: string): Steps<Value> {
  const found: string[] = [];
  if (!isLong(regex, text)) {
    const matcher = regex.matcher(text);
    while (found.length < ARRAY_LENGTH_MAX && matcher.find()) found.push(matcher.group() ?? '');
    return found;
  }
  const search = new RegexSearch(regex, text);
  if (!(yield* search.test())) return found;
  for (let from = 0; found.length < ARRAY_LENGTH_MAX; ) {
    const match = yield* search.find(from);
    if (match === undefined) break;
    found.push(text.slice(...match));
    from = search.behind(match);
    if (found.length % MATCHES_PER_STEP === 0) yield;
  }
  return found;
}

/** Matches between two moments at which others may have their turn. */
const MATCHES_PER_STEP = 512;

/** Patterns are those of PCRE as far as their search takes linear time; modifiers are `m`, `s`, `i`, `x`. */
export const REGEX_FUNCTIONS: FunctionFamily = {
  title: 'Regular expressions',
  functions: [
    ofRegex('REGEXEXTRACT', 'the first match; `undefined` without one', extract),
    ofRegex('REGEXEXTRACTALL', 'an array of all matches', extractAll),
    ofRegex('REGEXMATCH', 'true when the pattern is found in the text', test, true),
  ],
};
