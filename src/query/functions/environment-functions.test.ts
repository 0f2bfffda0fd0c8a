import { expect, test } from 'vitest';
import type { Json } from '../../base/index.ts';
import { planForClient } from '../client-plan.ts';
import { beginEnvironment, type QueryEnvironment } from '../environment.ts';
import { evaluateOverResources } from '../resource-query.ts';

const NOW = Date.UTC(2024, 1, 29, 12, 30, 45, 123);

function environment(given: Partial<QueryEnvironment> = {}): QueryEnvironment {
  let drawn = 0;
  return { ...beginEnvironment({ nowMs: () => NOW, random: () => drawn++ / 10 }), ...given };
}

function rows(query: string, given: QueryEnvironment, items = [{}, {}, {}]): Json[] {
  return evaluateOverResources({ query, parameters: [] }, items, given).map((row) => JSON.parse(row) as Json);
}

test.each<[string, Json]>([
  ['GETCURRENTDATETIME()', '2024-02-29T12:30:45.1230000Z'],
  ['GETCURRENTTICKS()', NOW * 10_000],
  ['GETCURRENTTIMESTAMP()', NOW],
  ['GETCURRENTDATETIMESTATIC()', '2024-02-29T12:30:40.1230000Z'],
  ['GETCURRENTTICKSSTATIC()', (NOW - 5_000) * 10_000],
  ['GETCURRENTTIMESTAMPSTATIC()', NOW - 5_000],
  ['NOW()', '2024-02-29T12:30:45.1230000Z'],
  ['NOW("year", 1)', '2025-02-28T12:30:45.1230000Z'],
  ['AGO("day", 29)', '2024-01-31T12:30:45.1230000Z'],
  ['AGO("ms", -4)', '2024-02-29T12:30:45.1270000Z'],
])('%s reads the clock that it is given', (call, expected) => {
  const given = environment({ startedMs: NOW - 5_000 });
  expect(rows(`SELECT VALUE ${call} FROM c`, given)).toEqual([expected, expected, expected]);
});

test('a query that is compiled once reads the clock of each execution', () => {
  const query = 'SELECT TOP 1 VALUE DATETIMEADD("day", 1, GETCURRENTDATETIME()) FROM c';
  expect(rows(query, environment({ nowMs: 0 }))).toEqual(['1970-01-02T00:00:00.0000000Z']);
  expect(rows(query, environment({ nowMs: 86_400_000 }))).toEqual(['1970-01-03T00:00:00.0000000Z']);
});

test('RAND draws for every row and call', () => {
  expect(rows('SELECT VALUE [RAND(), RAND()] FROM c', environment())).toEqual([
    [0, 0.1],
    [0.2, 0.3],
    [0.4, 0.5],
  ]);
});

test('the plan for clients does not take a clock for a constant', () => {
  const spec = { query: 'SELECT * FROM c WHERE c.pk = GETCURRENTDATETIME()', parameters: [] };
  const plan = planForClient(spec, {
    partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 },
    search: { embeddings: [], defaultLanguage: 'en', textPaths: [] },
  });
  expect(plan.queryRanges).toEqual([{ min: '', max: 'FF', isMinInclusive: true, isMaxInclusive: false }]);
});
