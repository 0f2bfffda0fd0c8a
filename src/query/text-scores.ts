/**
 * How well texts fit, from the index alone: which texts have a word, which have it several times, and how
 * long they are. That is all that BM25 asks for, as long as what is looked for are single words.
 */
import {
  allRange,
  analyzePhrase,
  analyzerFor,
  bm25Score,
  COUNT_MAX,
  countOfRepeats,
  decodeIndexValue,
  equalRange,
  repeatsRange,
  TEXT_LENGTH,
  TEXT_REPEATS,
} from '../index/index.ts';
import { type IndexedPath, indexedPath } from './condition.ts';
import type { Execution } from './execution.ts';
import { languageOf } from './functions/search-functions.ts';
import { type Gathered, VALUES_PER_LOAD } from './gathering.ts';
import { rankOf } from './number-stream.ts';
import type { TextSearch } from './ranking.ts';
import type { ValueRange } from './source.ts';

const CHUNK = 4_096;

interface TextPaths {
  readonly length: IndexedPath;
  readonly repeats: IndexedPath;
}

/** A score for each of the numbers; undefined when the index cannot tell them, or reading costs less. */
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
  const sought = soughtWords(execution, texts);
  if (all === undefined || all.hitCounts.length !== sought?.length) return undefined;
  const lengths = new Uint32Array(numbers.length);
  await eachPlace(execution, numbers, { path: length, range: allRange() }, (place, value) => {
    lengths[place] = Number(decodeIndexValue(value));
  });
  const counts = await countsOf(execution, texts, { length, repeats }, { numbers, sought });
  if (counts === undefined) return undefined;
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

/** The one word of each phrase, undefined for one without any; undefined when a phrase has several. */
function soughtWords({ frame }: Execution, { words }: TextSearch): (string | undefined)[] | undefined {
  const analyzer = analyzerFor(languageOf(frame.environment, words.property));
  const sought: (string | undefined)[] = [];
  for (const phrase of words.phrases) {
    const text = phrase(frame);
    if (typeof text !== 'string') return undefined;
    const found = analyzePhrase(analyzer, text);
    const [word] = found;
    if (found.length > 1 || (word !== undefined && !equalRange(word).exact)) return undefined;
    sought.push(word);
  }
  return sought;
}

/** How often each of the texts has each word; undefined when one has a word too often to be told. */
async function countsOf(
  execution: Execution,
  { words }: TextSearch,
  { repeats }: TextPaths,
  { numbers, sought }: { readonly numbers: Float64Array; readonly sought: readonly (string | undefined)[] },
): Promise<readonly Uint8Array[] | undefined> {
  let isTold = true;
  const counts: Uint8Array[] = [];
  for (const word of sought) {
    const own = new Uint8Array(numbers.length);
    counts.push(own);
    if (word === undefined) continue;
    await eachPlace(execution, numbers, { path: words.path, range: equalRange(word) }, (place) => {
      own[place] = 1;
    });
    await eachPlace(execution, numbers, { path: repeats, range: repeatsRange(word) }, (place, value) => {
      const count = countOfRepeats(value);
      own[place] = count;
      if (count === COUNT_MAX) isTold = false;
    });
  }
  return isTold ? counts : undefined;
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
