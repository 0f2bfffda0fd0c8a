/**
 * How well texts fit, from the index: which texts have a word, which have it several times, and how long they
 * are. That is all that BM25 asks of single words. Of phrases the index tells which texts have all of their
 * words: only those are read.
 */
import { finish, isJsonObject, type Json, type Steps } from '../base/index.ts';
import {
  type AnalyzedText,
  allRange,
  analyzePhrase,
  analyzerFor,
  bm25Score,
  COUNT_MAX,
  countOfRepeats,
  decodeIndexValue,
  equalRange,
  occurrenceSteps,
  repeatsRange,
  TEXT_LENGTH,
  TEXT_REPEATS,
  type TextAnalyzer,
} from '../index/index.ts';
import { type IndexedPath, indexedPath } from './condition.ts';
import type { DocumentPath } from './document-path.ts';
import type { Execution } from './execution.ts';
import { languageOf } from './functions/search-functions.ts';
import { type Gathered, VALUES_PER_LOAD } from './gathering.ts';
import { rankOf } from './number-stream.ts';
import { parseItem } from './parsed-item.ts';
import type { TextSearch } from './ranking.ts';
import type { ValueRange } from './source.ts';

const CHUNK = 1_024;

/**
 * A score for each of the numbers; undefined when the index cannot tell them, or reading costs less.
 * `isExact`: all of them are rows, whatever they have of the words.
 */
export async function scoresFromIndex(
  execution: Execution,
  texts: TextSearch,
  { numbers, isExact, isConfined }: Gathered,
): Promise<Float64Array | undefined> {
  const { source } = execution;
  const { property } = texts.words;
  const length = indexedPath([...property, TEXT_LENGTH]);
  const repeats = indexedPath([...property, TEXT_REPEATS]);
  const isCovered = [length, repeats].every(({ segments }) => source.indexer.coverage(segments).indexed);
  // Rows that have yet to be looked at are read anyway.
  if (!isExact || !isConfined || !isCovered) return undefined;
  const { atMost } = source.estimate({ pathId: length.id, range: allRange() });
  if (atMost > numbers.length * VALUES_PER_LOAD) return undefined;
  const all = statisticsOf(execution, texts);
  const analyzer = analyzerFor(languageOf(execution.frame.environment, property));
  const sought = soughtPhrases(execution, texts, analyzer);
  if (all === undefined || all.hitCounts.length !== sought?.length) return undefined;
  const lengths = new Uint32Array(numbers.length);
  await eachPlace(execution, numbers, { path: length, range: allRange() }, (place, value) => {
    lengths[place] = Number(decodeIndexValue(value));
  });
  const counts = await countsOf(execution, texts, { repeats, numbers, sought, analyzer });
  const scores = new Float64Array(numbers.length);
  for (let place = 0; place < numbers.length; place++) {
    const occurrences = counts.map((own) => own[place] as number);
    scores[place] = bm25Score({ wordCount: lengths[place] as number, occurrences }, all);
    if (place % CHUNK === 0) await execution.meter.worked(CHUNK);
  }
  return scores;
}

/** What the query says of all texts; undefined when it makes no sense. */
function statisticsOf({ frame }: Execution, { statistics }: TextSearch) {
  const [documentCount, wordCount, hitCounts] = statistics.map((each) => each(frame));
  if (typeof documentCount !== 'number' || typeof wordCount !== 'number') return undefined;
  if (!Array.isArray(hitCounts)) return undefined;
  const hits = hitCounts.filter((hit) => typeof hit === 'number');
  return hits.length < hitCounts.length ? undefined : { documentCount, wordCount, hitCounts: hits };
}

interface SoughtPhrase {
  /** With its stop words, as undefined. */
  readonly phrase: AnalyzedText;
  /** Each once. */
  readonly words: readonly string[];
}

/** Undefined when a phrase is no text, the index cannot tell a word, or all texts are read anyway. */
function soughtPhrases(
  { frame }: Execution,
  { words }: TextSearch,
  analyzer: TextAnalyzer,
): SoughtPhrase[] | undefined {
  const sought: SoughtPhrase[] = [];
  for (const each of words.phrases) {
    const text = each(frame);
    if (typeof text !== 'string') return undefined;
    const phrase = analyzePhrase(analyzer, text);
    const own = new Set(phrase.filter((word) => word !== undefined));
    for (const word of own) if (!equalRange(word).exact) return undefined;
    sought.push({ phrase, words: [...own] });
  }
  return sought.some(({ phrase }) => phrase.length <= 1) ? sought : undefined;
}

interface CountedTexts {
  readonly repeats: IndexedPath;
  readonly numbers: Float64Array;
  readonly sought: readonly SoughtPhrase[];
  readonly analyzer: TextAnalyzer;
}

/** How often each of the texts has each phrase. */
async function countsOf(
  execution: Execution,
  texts: TextSearch,
  counted: CountedTexts,
): Promise<readonly Uint32Array[]> {
  const { repeats, numbers, sought } = counted;
  const { path } = texts.words;
  const unsure = new Uint8Array(numbers.length);
  const counts: Uint32Array[] = [];
  for (const { phrase, words } of sought) {
    const own = new Uint32Array(numbers.length);
    counts.push(own);
    for (const word of words) {
      await eachPlace(execution, numbers, { path, range: equalRange(word) }, (place) => {
        own[place] = (own[place] as number) + 1;
      });
    }
    if (phrase.length > 1) {
      // Those that have all of its words may have it.
      for (let place = 0; place < own.length; place++) {
        if (own[place] === words.length) unsure[place] = 1;
        else own[place] = 0;
      }
      continue;
    }
    for (const word of words) {
      await eachPlace(execution, numbers, { path: repeats, range: repeatsRange(word) }, (place, value) => {
        const count = countOfRepeats(value);
        own[place] = count;
        if (count === COUNT_MAX) unsure[place] = 1;
      });
    }
  }
  await readCounts(execution, texts.words.property, counted, unsure, counts);
  return counts;
}

/** Texts of so many UTF-16 units are read at one go. */
const AT_ONCE_MAX = 16_384;

/** How often each phrase stands in a text. */
function* countSteps(
  text: string,
  { sought, analyzer }: CountedTexts,
  note: (which: number, count: number) => void,
): Steps<void> {
  const terms = yield* analyzer.analyzeSteps(text);
  for (const [which, { phrase }] of sought.entries()) note(which, yield* occurrenceSteps(terms, phrase));
}

/** Counts in the texts themselves where the index does not tell. */
async function readCounts(
  execution: Execution,
  property: DocumentPath,
  texts: CountedTexts,
  unsure: Uint8Array,
  counts: readonly Uint32Array[],
): Promise<void> {
  let chunk: number[] = [];
  const read = async () => {
    const items = await execution.load(chunk.map((place) => texts.numbers[place] as number));
    for (const [index, place] of chunk.entries()) {
      const item = items[index];
      const value = item && valueAt(parseItem(item), property);
      const text = typeof value === 'string' ? value : '';
      const steps = countSteps(text, texts, (which, count) => {
        (counts[which] as Uint32Array)[place] = count;
      });
      if (text.length > AT_ONCE_MAX) await execution.inTurns(steps);
      else finish(steps);
    }
    chunk = [];
  };
  for (let place = unsure.indexOf(1); place >= 0; place = unsure.indexOf(1, place + 1)) {
    chunk.push(place);
    if (chunk.length >= execution.chunkMax) await read();
  }
  if (chunk.length > 0) await read();
}

function valueAt(item: Json, path: DocumentPath): Json | undefined {
  let value: Json | undefined = item;
  for (const name of path) {
    if (!isJsonObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** Visits the entries of an index that belong to one of the numbers, by its place among them. */
async function eachPlace(
  { source, meter }: Execution,
  numbers: Float64Array,
  { path, range }: { readonly path: IndexedPath; readonly range: ValueRange },
  visit: (place: number, value: Buffer) => void,
): Promise<void> {
  const cursor = source.scanValues({ pathId: path.id, range });
  try {
    for (let parts = await cursor.next(CHUNK); parts.length > 0; parts = await cursor.next(CHUNK)) {
      let read = 0;
      for (const { value, numbers: found } of parts) {
        let place = -1;
        for (const number of found) {
          place = rankOf(numbers, number, place + 1);
          if (numbers[place] === number) visit(place, value);
          else place--;
        }
        read += found.length;
      }
      await meter.read(read);
    }
  } finally {
    await cursor.close();
  }
}
