import { describe, expect, test } from 'vitest';
import { parseThroughput, throughputMin, throughputOfOffer } from './throughput.ts';

describe('the headers of a create', () => {
  test.each([
    [{ offerThroughput: '400' }, { kind: 'manual', throughput: 400 }],
    [{ offerThroughput: '25100' }, { kind: 'manual', throughput: 25_100 }],
    [{ autopilotSettings: '{"maxThroughput":4000}' }, { kind: 'autoscale', maxThroughput: 4000 }],
    [{}, undefined],
  ])('%j', (headers, throughput) => {
    expect(parseThroughput(headers)).toEqual(throughput);
  });

  test.each([
    { offerThroughput: '399' },
    { offerThroughput: '450' },
    { offerThroughput: '1000100' },
    { offerThroughput: '4e2' },
    { offerThroughput: '' },
    { autopilotSettings: '{"maxThroughput":900}' },
    { autopilotSettings: '{"maxThroughput":1500}' },
    { autopilotSettings: '{"maxThroughput":"4000"}' },
    { autopilotSettings: '4000' },
    { autopilotSettings: '{' },
    { offerThroughput: '400', autopilotSettings: '{"maxThroughput":4000}' },
  ])('%j is refused', (headers) => {
    expect(() => parseThroughput(headers)).toThrow(expect.objectContaining({ code: 'BadRequest' }));
  });
});

test('the body of an offer', () => {
  expect(throughputOfOffer({ content: { offerThroughput: 500 } })).toEqual({
    kind: 'manual',
    throughput: 500,
  });
  const autoscale = { content: { offerThroughput: 400, offerAutopilotSettings: { maxThroughput: 2000 } } };
  expect(throughputOfOffer(autoscale)).toEqual({ kind: 'autoscale', maxThroughput: 2000 });
  for (const body of [{}, { content: {} }, { content: { offerThroughput: '500' } }, { content: 5 }]) {
    expect(() => throughputOfOffer(body)).toThrow(expect.objectContaining({ code: 'BadRequest' }));
  }
});

test.each([
  ['manual', { highestEver: 400 }, 400],
  ['manual', { highestEver: 50_000 }, 500],
  ['manual', { highestEver: 50_100 }, 600],
  ['manual', { highestEver: 400, storedGb: 450 }, 500],
  ['manual', { highestEver: 400, sharedBy: 27 }, 600],
  ['autoscale', { highestEver: 4000 }, 1000],
  ['autoscale', { highestEver: 21_000 }, 3000],
  ['autoscale', { highestEver: 4000, storedGb: 150 }, 2000],
  ['autoscale', { highestEver: 4000, sharedBy: 26 }, 2000],
] as const)('the least %s throughput after %j is %i', (kind, past, least) => {
  expect(throughputMin(kind, past)).toBe(least);
});
