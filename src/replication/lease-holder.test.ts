import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LeaseHolder } from './lease-holder.ts';
import { assumedMs, boundedLeaseMs, STRONG_LEASE_MS } from './lease-terms.ts';

test('a region that needs nobody is always sure of itself; one that needs some needs them all', () => {
  const holder = new LeaseHolder();
  holder.need([]);
  expect(holder.untilMs).toBe(Number.POSITIVE_INFINITY);
  holder.need([2, 3]);
  holder.take(2, 100, 2_000);
  expect(holder.untilMs).toBe(Number.NEGATIVE_INFINITY);
  holder.take(3, 50, 2_000);
  expect(holder.untilMs).toBe(2_050);
  holder.take(9, 0, 1e9);
  expect(holder.untilMs).toBe(2_050);
});

test('a late answer does not shorten a lease; another giver starts anew', () => {
  const holder = new LeaseHolder();
  holder.need([2]);
  holder.take(2, 500, 2_000);
  holder.take(2, 100, 2_000);
  expect(holder.untilMs).toBe(2_500);
  holder.need([3]);
  holder.need([2]);
  expect(holder.untilMs).toBe(Number.NEGATIVE_INFINITY);
});

test('whatever the delays and within the drift bound, no lease outlives what its giver assumes', () => {
  const drift = fc.double({ min: -0.0099, max: 0.0099, noNaN: true });
  const delay = fc.double({ min: 0, max: 5_000, noNaN: true });
  fc.assert(
    fc.property(drift, drift, delay, delay, (holderDrift, giverDrift, wayThere, startMs) => {
      // True time is what the two clocks, running at these rates, are read at.
      const askedTrueMs = startMs;
      const givenTrueMs = askedTrueMs + wayThere;
      const holderEndTrueMs = askedTrueMs + STRONG_LEASE_MS / (1 + holderDrift);
      const giverEndTrueMs = givenTrueMs + assumedMs(STRONG_LEASE_MS) / (1 + giverDrift);
      expect(holderEndTrueMs).toBeLessThan(giverEndTrueMs);
    }),
  );
});

test('a bounded lease ends before anything missing can be older than the bound', () => {
  expect(boundedLeaseMs(0, 10_000)).toBe(5_000);
  expect(boundedLeaseMs(9_000, 10_000)).toBeLessThan(1_000);
  expect(boundedLeaseMs(9_000, 10_000)).toBeGreaterThan(900);
  expect(boundedLeaseMs(10_000, 10_000)).toBe(0);
  expect(boundedLeaseMs(Number.POSITIVE_INFINITY, 10_000)).toBe(0);
});
