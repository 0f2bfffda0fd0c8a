import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../base/index.ts';
import { normalizeContainer, searchPolicies } from '../../resource/index.ts';
import { beginEnvironment } from '../environment.ts';
import { evaluateOverResources } from '../resource-query.ts';

const RUNTIME = { nowMs: () => 0, random: () => 0.5 };

const POLICIES = searchPolicies(
  normalizeContainer({
    id: 'c',
    partitionKey: { paths: ['/k'], kind: 'Hash', version: 2 },
    fullTextPolicy: {
      defaultLanguage: 'en-US',
      fullTextPaths: [{ path: '/german', language: 'de-DE' }],
    },
    vectorEmbeddingPolicy: {
      vectorEmbeddings: [
        { path: '/v', dataType: 'float32', dimensions: 2, distanceFunction: 'euclidean' },
        { path: '/deep/v', dataType: 'float32', dimensions: 2, distanceFunction: 'dotproduct' },
      ],
    },
  }),
);

const ITEM: JsonObject = {
  text: 'The mountain bicycles were standing by the lake. A red bicycle leaned on them.',
  german: 'Die Häuser am See',
  number: 3,
  v: [3, 4],
  deep: { v: [1, 2] },
  free: [0, 2],
  other: [1, 2, 3],
};

function value(expression: string, parameters: { name: string; value: Json }[] = []): Json | undefined {
  const query = `SELECT VALUE {"is": ${expression}} FROM c`;
  const environment = beginEnvironment(RUNTIME, { search: POLICIES });
  const [row] = evaluateOverResources({ query, parameters }, [ITEM], environment);
  return (JSON.parse(String(row)) as JsonObject).is;
}

describe('full text', () => {
  test.each<[string, Json | undefined]>([
    ['FullTextContains(c.text, "bicycle")', true],
    ['fulltextcontains(c.text, "BICYCLES")', true],
    ['FullTextContains(c.text, "car")', false],
    ['FullTextContains(c.text, "red bicycle")', true],
    ['FullTextContains(c.text, "bicycle red")', false],
    ['FullTextContains(c.text, "standing by the lake")', true],
    ['FullTextContains(c.text, "the")', false],
    ['FullTextContains(c.number, "3")', undefined],
    ['FullTextContains(c.missing, "x")', undefined],
    ['FullTextContains(c.text, 3)', undefined],
    ['FullTextContainsAll(c.text, "red", "lake")', true],
    ['FullTextContainsAll(c.text, "red", "car")', false],
    ['FullTextContainsAny(c.text, "car", "lake")', true],
    ['FullTextContainsAny(c.text, "car", "bus")', false],
    ['FullTextContainsAny(c.text, "lake", null)', undefined],
    ['FullTextContains(c.german, "Haus")', true],
    ['FullTextContains(c["german"], "häuser")', true],
    ['_FullTextWordCount(c.german)', 2],
    ['_FullTextWordCount(c.text)', 7],
    ['_FullTextWordCount(c.number)', undefined],
  ])('%s', (expression, expected) => {
    expect(value(expression)).toEqual(expected);
  });

  test('scores follow the statistics that the client hands in', () => {
    const score = (statistics: string) => value(`_FullTextScore(c.text, ["bicycle", "bus"], ${statistics})`);
    const rare = score('100, 1000, [1, 5]') as number;
    const common = score('100, 1000, [90, 5]') as number;
    expect(rare).toBeGreaterThan(common);
    expect(common).toBeGreaterThan(0);
    expect(value('_FullTextScore(c.text, ["bus"], 100, 1000, [1])')).toBe(0);
    expect(score('100, 1000, [1]')).toBeUndefined();
    expect(score('100, "many", [1, 2]')).toBeUndefined();
    expect(value('_FullTextScore(c.missing, ["a"], 1, 1, [1])')).toBeUndefined();
  });

  test('phrases may come as parameters', () => {
    expect(value('FullTextContains(c.text, @p)', [{ name: '@p', value: 'lake' }])).toBe(true);
  });
});

describe('VectorDistance', () => {
  test.each<[string, Json | undefined]>([
    ['VectorDistance(c.v, [0, 0])', 5],
    ['VectorDistance([0, 0], c.v)', 5],
    ['VectorDistance(c.deep.v, [3, 4])', 11],
    ['VectorDistance(c.free, [0, 1])', 1],
    ['VectorDistance(c.free, [1, 0])', 0],
    ['VectorDistance(c.v, [1, 2], true)', Math.sqrt(8)],
    ['VectorDistance(c.v, [1, 2], false, {distanceFunction: "dotproduct"})', 11],
    ['VectorDistance(c.v, [1, 2], false, {"distanceFunction": "DotProduct", "dataType": "Float32"})', 11],
    ['VectorDistance(c.v, [3, 4], false, {distanceFunction: "cosine"})', 1],
    ['VectorDistance(c.v, [1, 2], false, {distanceFunction: "manhattan"})', undefined],
    ['VectorDistance(c.v, [1, 2], false, {searchListSizeMultiplier: 1000})', undefined],
    ['VectorDistance(c.v, [1, 2], 1)', undefined],
    ['VectorDistance(c.v, [1, 2, 3])', undefined],
    ['VectorDistance(c.other, [1, 2])', undefined],
    ['VectorDistance(c.other, ["a", 2, 3])', undefined],
    ['VectorDistance(c.missing, [1, 2])', undefined],
    ['VectorDistance(c.v, [])', undefined],
  ])('%s', (expression, expected) => {
    expect(value(expression)).toEqual(expected);
  });
});
