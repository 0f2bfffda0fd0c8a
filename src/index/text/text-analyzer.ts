/**
 * From a text to the terms by which it is found: words in lower case, without stop words, reduced to their
 * stems. The same analyser must read what is stored and what is looked for; indexes hold its output, so a
 * change of any step here needs them to be built anew.
 */
import { stemmer as stemEnglish } from '@orama/stemmers/english';
import { stemmer as stemFrench } from '@orama/stemmers/french';
import { stemmer as stemGerman } from '@orama/stemmers/german';
import { stemmer as stemItalian } from '@orama/stemmers/italian';
import { stemmer as stemPortuguese } from '@orama/stemmers/portuguese';
import { stemmer as stemSpanish } from '@orama/stemmers/spanish';
import { finish, StepCounter, type Steps } from '../../base/index.ts';
import type { FullTextLanguage } from '../../resource/index.ts';
import { stopWordsOf } from './stop-words.ts';

/** A text's terms by position; undefined where a stop word stood, so that phrases keep their distances. */
export type AnalyzedText = readonly (string | undefined)[];

const STEMMERS: Readonly<Record<FullTextLanguage, (word: string) => string>> = {
  en: stemEnglish,
  de: stemGerman,
  es: stemSpanish,
  fr: stemFrench,
  it: stemItalian,
  pt: stemPortuguese,
};

/**
 * Letters, digits and marks, with apostrophes inside. Chinese and Japanese are written without spaces: each
 * character stands for itself there, and phrases find the words.
 */
const IDEOGRAPH = '[\\p{Script=Han}\\p{Script=Hiragana}]';
const WORD = new RegExp(
  `${IDEOGRAPH}|(?:(?!${IDEOGRAPH})[\\p{L}\\p{N}\\p{M}])+(?:['’](?:(?!${IDEOGRAPH})[\\p{L}\\p{M}])+)*`,
  'gu',
);
const ASCII_WORD = /[a-z0-9]+(?:'[a-z]+)*/g;
const ASCII_ONLY = /^[\0-\x7f]*$/;
const HAS_LETTER = /\p{L}/u;
/** Articles and pronouns that lose their vowel and lean on the next word. */
const ELISIONS: Readonly<Partial<Record<FullTextLanguage, RegExp>>> = {
  fr: /^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)'/,
  it: /^(?:[cdlmstv]|un|gl|all|dall|dell|nell|sull|quell|quest|bell)'/,
};
/**
 * No language has longer words; what is longer (encoded data, say) is cut, as it would be in an index key.
 */
const WORD_LENGTH_MAX = 128;
/** Stems remembered: most texts draw on some ten thousand words. */
const STEMS_MAX = 50_000;
/** Texts remembered with their terms: one row asks several times for few properties. */
const RECENT_TEXTS = 4;

/** UTF-16 units read between two moments at which others may have their turn. */
const PIECE = 8_192;
/**
 * Where a text can be cut: what stands on one side has nothing to do with the other. No word goes on behind
 * one of these, nothing before an ASCII character combines with it, and none is among those which a sigma
 * looks past to see whether it ends its word (the apostrophe, `.`, `:`, `^`, and the backtick).
 */
const CUT = /[ \t\r\n!"#$%&()*+,\-/;<=>?@[\\\]_{|}~](?=[\0-\x7f])/g;

/** The next place to cut at; the end of the text when there is none. */
function endOfPiece(text: string, from: number): number {
  if (text.length - from <= PIECE) return text.length;
  CUT.lastIndex = from + PIECE;
  const cut = CUT.exec(text);
  return cut === null ? text.length : cut.index + 1;
}

export class TextAnalyzer {
  readonly #stopWords: ReadonlySet<string>;
  readonly #stem: (word: string) => string;
  readonly #elision: RegExp | undefined;
  readonly #terms = new Map<string, string | undefined>();
  readonly #recent: { readonly text: string; readonly terms: AnalyzedText }[] = [];
  #oldest = 0;

  constructor(language: FullTextLanguage) {
    this.#stopWords = stopWordsOf(language);
    this.#stem = STEMMERS[language];
    this.#elision = ELISIONS[language];
  }

  /** The text's terms; the array is shared and must not be changed. */
  analyze(text: string): AnalyzedText {
    for (const known of this.#recent) if (known.text === text) return known.terms;
    const terms = this.#read(text);
    this.#recent[this.#oldest] = { text, terms };
    this.#oldest = (this.#oldest + 1) % RECENT_TEXTS;
    return terms;
  }

  /** Reads a long text piece by piece; `analyze` finds it then. */
  *analyzeSteps(text: string): Steps<AnalyzedText> {
    for (const known of this.#recent) if (known.text === text) return known.terms;
    const terms: (string | undefined)[] = [];
    for (let from = 0; from < text.length; ) {
      const end = endOfPiece(text, from);
      for (const term of this.#read(text.slice(from, end))) terms.push(term);
      from = end;
      yield;
    }
    this.#recent[this.#oldest] = { text, terms };
    this.#oldest = (this.#oldest + 1) % RECENT_TEXTS;
    return terms;
  }

  #read(text: string): AnalyzedText {
    const isPlain = ASCII_ONLY.test(text);
    // Compatibility forms (full width, ligatures) are the same word to a reader.
    const words = isPlain
      ? text.toLowerCase().match(ASCII_WORD)
      : text.normalize('NFKC').toLowerCase().match(WORD);
    return words === null ? [] : words.map((word) => this.#termOf(word));
  }

  #termOf(word: string): string | undefined {
    if (this.#terms.has(word)) return this.#terms.get(word);
    const term = this.#makeTerm(word);
    if (this.#terms.size >= STEMS_MAX) this.#terms.clear();
    this.#terms.set(word, term);
    return term;
  }

  #makeTerm(given: string): string | undefined {
    const whole = given.slice(0, WORD_LENGTH_MAX).replaceAll('’', "'");
    const word = this.#elision === undefined ? whole : whole.replace(this.#elision, '');
    if (this.#stopWords.has(word)) return undefined;
    const base = word.endsWith("'s") ? word.slice(0, -2) : word;
    if (!HAS_LETTER.test(base)) return base;
    return this.#stem(base);
  }
}

const analyzers = new Map<FullTextLanguage, TextAnalyzer>();

/** One analyser serves all containers of a language, and what it remembers. */
export function analyzerFor(language: FullTextLanguage): TextAnalyzer {
  let analyzer = analyzers.get(language);
  if (analyzer === undefined) {
    analyzer = new TextAnalyzer(language);
    analyzers.set(language, analyzer);
  }
  return analyzer;
}

/** Terms without the places of stop words. */
export function countWords(terms: AnalyzedText): number {
  let count = 0;
  for (const term of terms) if (term !== undefined) count++;
  return count;
}

/** Words compared between two moments at which others may have their turn. */
const COMPARED_PER_STEP = 131_072;

/**
 * What is looked for: words that must stand one after the other, as far apart as in `phrase`; empty when it
 * has only stop words or no word at all, and then it is found nowhere.
 */
export function analyzePhrase(analyzer: TextAnalyzer, phrase: string): AnalyzedText {
  return withoutEnds(analyzer.analyze(phrase));
}

/** The same piece by piece. */
export function* analyzePhraseSteps(analyzer: TextAnalyzer, phrase: string): Steps<AnalyzedText> {
  return withoutEnds(yield* analyzer.analyzeSteps(phrase));
}

function withoutEnds(terms: AnalyzedText): AnalyzedText {
  const first = terms.findIndex((term) => term !== undefined);
  if (first < 0) return [];
  return terms.slice(first, terms.findLastIndex((term) => term !== undefined) + 1);
}

/** How often the phrase stands in the text; occurrences may overlap. */
export function countOccurrences(text: AnalyzedText, phrase: AnalyzedText): number {
  return finish(occurrenceSteps(text, phrase));
}

export function containsPhrase(text: AnalyzedText, phrase: AnalyzedText): boolean {
  return finish(containsPhraseSteps(text, phrase));
}

export function* containsPhraseSteps(text: AnalyzedText, phrase: AnalyzedText): Steps<boolean> {
  const [first] = phrase;
  if (first === undefined) return false;
  if (phrase.length === 1) return text.includes(first);
  return (yield* occurrenceSteps(text, phrase, 1)) > 0;
}

/** Counts occurrences up to `most`. A long phrase in a text that repeats its beginning takes long. */
export function* occurrenceSteps(
  text: AnalyzedText,
  phrase: AnalyzedText,
  most = Number.POSITIVE_INFINITY,
): Steps<number> {
  const [first] = phrase;
  if (first === undefined) return 0;
  const compared = new StepCounter(COMPARED_PER_STEP);
  let count = 0;
  const last = text.length - phrase.length;
  for (let place = 0; place <= last && count < most; place++) {
    if (text[place] !== first) continue;
    const length = commonLength(text, phrase, place);
    if (length === phrase.length) count++;
    compared.add(length);
    if (compared.isDue()) yield;
  }
  return count;
}

/** How much of the phrase stands at a place of the text where it fits in. */
function commonLength(text: AnalyzedText, phrase: AnalyzedText, place: number): number {
  for (let i = 1; i < phrase.length; i++) {
    const wanted = phrase[i];
    // Any word may stand where the phrase has a stop word.
    if (wanted !== undefined && text[place + i] !== wanted) return i;
  }
  return phrase.length;
}
