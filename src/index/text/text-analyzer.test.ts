import { describe, expect, test } from 'vitest';
import {
  analyzePhrase,
  analyzerFor,
  containsPhrase,
  containsPhraseSteps,
  countOccurrences,
  countWords,
  TextAnalyzer,
} from './text-analyzer.ts';

const english = analyzerFor('en');

function occurrences(text: string, phrase: string): number {
  const count = countOccurrences(english.analyze(text), analyzePhrase(english, phrase));
  expect(containsPhrase(english.analyze(text), analyzePhrase(english, phrase))).toBe(count > 0);
  return count;
}

describe('terms', () => {
  test('are lower-case stems, with gaps where stop words stood', () => {
    expect(english.analyze('The runners were RUNNING, and they ran!')).toEqual([
      undefined,
      'runner',
      undefined,
      'run',
      undefined,
      undefined,
      'ran',
    ]);
  });

  test.each([
    ["the dog's bone, the dogs’ bones", ['dog', 'bone', 'dog', 'bone']],
    ['C3PO met R2-D2 in 1977', ['c3po', 'met', 'r2', 'd2', '1977']],
    ['ｆｕｌｌ ｗｉｄｔｈ', ['full', 'width']],
    ['naïve café', ['naïv', 'café']],
    ['', []],
    ['… — !', []],
    ['the of and', []],
  ])('%s', (text, terms) => {
    const found = english.analyze(text).filter((term) => term !== undefined);
    expect(found).toEqual(terms);
    expect(countWords(english.analyze(text))).toBe(terms.length);
  });

  test('Chinese and Japanese characters stand for themselves, so that phrases find words', () => {
    expect(english.analyze('東京タワーへ行く')).toEqual(['東', '京', 'タワー', 'へ', '行', 'く']);
    expect(occurrences('私は東京に住む', '東京')).toBe(1);
    expect(occurrences('京東', '東京')).toBe(0);
  });

  test.each([
    ['de', 'die Häuser', 'Haus'],
    ['es', 'las canciones', 'canción'],
    ['fr', "l'arbre des maisons", 'maison'],
    ['fr', "l'arbre", 'arbres'],
    ['it', "nell'acqua", 'acqua'],
    ['it', 'le belle case', 'casa'],
    ['pt', 'os meninos correndo', 'menino'],
  ] as const)('%s: "%s" has "%s"', (language, text, word) => {
    const analyzer = analyzerFor(language);
    expect(containsPhrase(analyzer.analyze(text), analyzePhrase(analyzer, word))).toBe(true);
  });

  test('what is remembered does not change what is found', () => {
    const texts = Array.from({ length: 12 }, (_, i) => `alpha${i} swimming beta${i % 5}`);
    const first = texts.map((text) => english.analyze(text));
    const again = texts.map((text) => english.analyze(text));
    expect(again).toEqual(first);
  });
});

describe('phrases', () => {
  test.each([
    ['red bicycle, red bicycles and a bicycle', 'red bicycle', 2],
    ['bicycle red', 'red bicycle', 0],
    ['a mountain of books', 'mountain of books', 1],
    ['a mountain books', 'mountain of books', 0],
    ['a mountain with books', 'mountain of books', 1],
    ['the quick fox', 'the quick', 1],
    ['anything', 'the', 0],
    ['anything', '', 0],
    ['ha ha ha', 'ha ha', 2],
    ['swim', 'swim swimming swims', 0],
  ])('"%s" has "%s" %i times', (text, phrase, count) => {
    expect(occurrences(text, phrase)).toBe(count);
  });
});

test('a long text is read in pieces to the same words as at one go', () => {
  const parts = [
    'ΟΔΟΣ.Α ΟΔΟΣ, ',
    "don't;",
    '{"a":1,"b":[2,3]}',
    'ﬁne=\u0338x ',
    'naïve|',
    '漢字',
    '1.5 ',
    'Σ^',
    '\n\u0301e ',
  ];
  let text = '';
  for (let i = 0; text.length < 60_000; i++) text += parts[(i * i + (i >> 3)) % parts.length];
  const steps = new TextAnalyzer('en').analyzeSteps(text);
  let pieces = 0;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) pieces++;
  expect(pieces).toBeGreaterThan(4);
  expect(step.value).toEqual(new TextAnalyzer('en').analyze(text));
});

test('a long phrase is looked for piece by piece', () => {
  const text = Array.from({ length: 4_000 }, () => 'ship');
  const steps = containsPhraseSteps(text, [...text.slice(0, 2_000), 'sail']);
  let pieces = 0;
  for (; steps.next().done !== true; ) pieces++;
  expect(pieces).toBeGreaterThan(10);
  expect(containsPhrase(text, text.slice(0, 2_000))).toBe(true);
});
