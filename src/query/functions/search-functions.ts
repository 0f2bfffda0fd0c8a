/**
 * Full text and vectors. What a text means depends on the language of its property, and what two vectors
 * mean to each other on the distance function of theirs: both stand in the container's policies, so these
 * functions know which property they are called with. Without a policy they work all the same, with its
 * defaults; indexes only make them faster.
 */
import { finish, isJsonObject, type Json, type Steps } from '../../base/index.ts';
import {
  type AnalyzedText,
  analyzePhraseSteps,
  analyzerFor,
  bm25Score,
  containsPhraseSteps,
  countWords,
  occurrenceSteps,
  readVector,
  type TextAnalyzer,
  vectorScore,
} from '../../index/index.ts';
import {
  type FullTextLanguage,
  VECTOR_DISTANCE_FUNCTIONS,
  type VectorEmbedding,
} from '../../resource/index.ts';
import type { DocumentPath } from '../document-path.ts';
import type { QueryEnvironment } from '../environment.ts';
import type { Value } from '../values.ts';
import {
  type BuiltInFunction,
  type EnvironmentFunction,
  type FunctionFamily,
  lengthOf,
  stable,
} from './built-in-function.ts';

/** The language in which the container has the property's texts. */
export function languageOf(
  { search }: Pick<QueryEnvironment, 'search'>,
  path: DocumentPath | undefined,
): FullTextLanguage {
  const property = path && search.textPaths.find((each) => isSamePath(each.path, path));
  return property?.language ?? search.defaultLanguage;
}

/** What the container says of the vectors at the path. */
export function embeddingAt(
  { search }: Pick<QueryEnvironment, 'search'>,
  path: DocumentPath | undefined,
): VectorEmbedding | undefined {
  return path && search.embeddings.find((each) => isSamePath(each.path, path));
}

function isSamePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, place) => name === b[place]);
}

/** What depends on the environment, worked out once for an execution. */
function perEnvironment<T>(
  prepare: (environment: QueryEnvironment) => T,
): (environment: QueryEnvironment) => T {
  let last: { readonly environment: QueryEnvironment; readonly prepared: T } | undefined;
  return (environment) => {
    if (last?.environment !== environment) last = { environment, prepared: prepare(environment) };
    return last.prepared;
  };
}

/** Phrases that calls of one place in a query look for: usually the same few in every row. */
const PHRASES_MAX = 64;

/** Reads texts and phrases in the language of one property. */
class PropertyReader {
  readonly analyzer: TextAnalyzer;
  readonly #phrases = new Map<string, AnalyzedText>();

  constructor(language: FullTextLanguage) {
    this.analyzer = analyzerFor(language);
  }

  *phrase(text: string): Steps<AnalyzedText> {
    let phrase = this.#phrases.get(text);
    if (phrase === undefined) {
      if (this.#phrases.size >= PHRASES_MAX) this.#phrases.clear();
      phrase = yield* analyzePhraseSteps(this.analyzer, text);
      this.#phrases.set(text, phrase);
    }
    return phrase;
  }
}

/** What reading a character takes, in the unit of effort. */
const EFFORT_OF_CHARACTER = 2;

/** A function of a property's text, which comes first, and of further operands. */
function textFunction(
  signature: string,
  about: string,
  evaluate: (text: AnalyzedText, reader: PropertyReader, operands: readonly Value[]) => Steps<Value>,
): BuiltInFunction {
  return stable(signature, about, ({ paths }) => {
    const readerOf = perEnvironment((environment) => new PropertyReader(languageOf(environment, paths[0])));
    const atOnce = (environment: QueryEnvironment, text: Value, ...operands: Value[]) => {
      if (typeof text !== 'string') return undefined;
      const reader = readerOf(environment);
      return finish(evaluate(reader.analyzer.analyze(text), reader, operands));
    };
    return Object.assign(atOnce, {
      long: {
        effort: (_: QueryEnvironment, text: Value) => EFFORT_OF_CHARACTER * lengthOf(text),
        *steps(environment: QueryEnvironment, text: Value, ...operands: Value[]): Steps<Value> {
          if (typeof text !== 'string') return undefined;
          const reader = readerOf(environment);
          const terms = yield* reader.analyzer.analyzeSteps(text);
          yield;
          return yield* evaluate(terms, reader, operands);
        },
      },
    });
  });
}

function asTexts(operands: readonly Value[]): readonly string[] | undefined {
  return operands.every((operand) => typeof operand === 'string') ? operands : undefined;
}

function* containsAll(text: AnalyzedText, reader: PropertyReader, operands: readonly Value[]): Steps<Value> {
  const phrases = asTexts(operands);
  if (phrases === undefined) return undefined;
  for (const phrase of phrases)
    if (!(yield* containsPhraseSteps(text, yield* reader.phrase(phrase)))) return false;
  return true;
}

function* containsAny(text: AnalyzedText, reader: PropertyReader, operands: readonly Value[]): Steps<Value> {
  const phrases = asTexts(operands);
  if (phrases === undefined) return undefined;
  for (const phrase of phrases)
    if (yield* containsPhraseSteps(text, yield* reader.phrase(phrase))) return true;
  return false;
}

// biome-ignore lint/correctness/useYield: a step of others, which may wait
function* wordCount(text: AnalyzedText): Steps<Value> {
  return countWords(text);
}

/** `_FullTextScore(text, phrases, documentCount, wordCount, hitCounts)`: see `TextStatistics`. */
function* score(text: AnalyzedText, reader: PropertyReader, operands: readonly Value[]): Steps<Value> {
  const [given, documentCount, wordCount, hitCounts] = operands;
  const phrases = Array.isArray(given) ? asTexts(given) : undefined;
  if (phrases === undefined || typeof documentCount !== 'number' || typeof wordCount !== 'number')
    return undefined;
  if (!isNumbers(hitCounts) || hitCounts.length !== phrases.length) return undefined;
  const occurrences: number[] = [];
  for (const phrase of phrases) occurrences.push(yield* occurrenceSteps(text, yield* reader.phrase(phrase)));
  return bm25Score({ wordCount: countWords(text), occurrences }, { documentCount, wordCount, hitCounts });
}

function isNumbers(value: Json | undefined): value is number[] {
  return Array.isArray(value) && value.every((element) => typeof element === 'number');
}

/** What the options of a call of VectorDistance say, beyond the property's policy. */
export interface VectorOptions {
  readonly distanceFunction: VectorEmbedding['distanceFunction'];
  /** How much wider than the result a search looks: 1 to 100. */
  readonly searchListSizeMultiplier: number;
}

const SEARCH_LIST_SIZE_MULTIPLIER = { default: 10, max: 100 };

/** The options made complete with the property's policy; undefined when they are none. */
export function vectorOptions(
  given: Value,
  embedding: VectorEmbedding | undefined,
): VectorOptions | undefined {
  const options = given === undefined ? {} : given;
  if (!isJsonObject(options)) return undefined;
  const { distanceFunction: named, searchListSizeMultiplier = SEARCH_LIST_SIZE_MULTIPLIER.default } = options;
  const distanceFunction =
    named === undefined
      ? (embedding?.distanceFunction ?? 'cosine')
      : VECTOR_DISTANCE_FUNCTIONS.find((each) => typeof named === 'string' && each === named.toLowerCase());
  if (distanceFunction === undefined) return undefined;
  if (typeof searchListSizeMultiplier !== 'number') return undefined;
  const isInRange =
    searchListSizeMultiplier >= 1 && searchListSizeMultiplier <= SEARCH_LIST_SIZE_MULTIPLIER.max;
  return isInRange ? { distanceFunction, searchListSizeMultiplier } : undefined;
}

const vectorDistance: EnvironmentFunction['bind'] = ({ paths }) => {
  const embeddingOf = perEnvironment(
    (environment) => embeddingAt(environment, paths[0]) ?? embeddingAt(environment, paths[1]),
  );
  const hasBruteForce = paths.length > 2;
  const hasOptions = paths.length > 3;
  return (environment, first, second, bruteForce, given) => {
    if (hasBruteForce && typeof bruteForce !== 'boolean') return undefined;
    if (hasOptions && given === undefined) return undefined;
    const a = readVector(first);
    const b = readVector(second);
    if (a === undefined || b === undefined) return undefined;
    const embedding = embeddingOf(environment);
    if (embedding !== undefined && a.length !== embedding.dimensions) return undefined;
    const options = vectorOptions(given, embedding);
    return options && vectorScore(a, b, options.distanceFunction);
  };
};

/** Names that start with `_` stand in the queries that a plan hands to clients. */
export const FULL_TEXT_FUNCTIONS: FunctionFamily = {
  title: 'Full text',
  functions: [
    textFunction('FULLTEXTCONTAINS(text, phrase)', 'true when the phrase stands in the text', containsAll),
    textFunction('FULLTEXTCONTAINSALL(text, phrase, ...)', 'true when all phrases do', containsAll),
    textFunction('FULLTEXTCONTAINSANY(text, phrase, ...)', 'true when a phrase does', containsAny),
    textFunction(
      '_FULLTEXTSCORE(text, phrases, documentCount, wordCount, hitCounts)',
      'how well the text answers the phrases, by statistics of all texts',
      score,
    ),
    textFunction('_FULLTEXTWORDCOUNT(text)', 'number of words', wordCount),
  ],
};

export const VECTOR_FUNCTIONS: FunctionFamily = {
  title: 'Vectors',
  functions: [
    stable(
      'VECTORDISTANCE(vector, vector[, bruteForce[, options]])',
      'similarity or distance, by the distance function of the property or the options',
      vectorDistance,
    ),
  ],
};
