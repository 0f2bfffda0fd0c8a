import { describe, expect, test } from 'vitest';
import { greatCircleLatency, REGION_NAMES } from './region-map.ts';

describe('great-circle latency', () => {
  // Half of the published round trips between these regions, in ms.
  test.each([
    ['West US', 'North Europe', 70],
    ['West US', 'Southeast Asia', 88],
    ['North Europe', 'Southeast Asia', 88],
    ['East US', 'West Europe', 42],
    ['North Europe', 'West Europe', 9],
    ['Brazil South', 'Japan East', 130],
  ])('%s to %s is about %i ms', (from, to, ms) => {
    const estimate = greatCircleLatency(from, to);
    expect(estimate).toBeGreaterThan(ms / 1.5);
    expect(estimate).toBeLessThan(ms * 1.5);
    expect(greatCircleLatency(to, from)).toBeCloseTo(estimate);
  });

  test('every pair has a sensible figure, and a region is no way from itself', () => {
    for (const from of REGION_NAMES) {
      for (const to of REGION_NAMES) {
        const ms = greatCircleLatency(from, to);
        if (from === to) expect(ms).toBe(0);
        else expect(ms).toBeGreaterThan(0);
        expect(ms).toBeLessThan(160);
      }
    }
  });

  test('names match without regard to case and spaces; unknown ones are told the known', () => {
    expect(greatCircleLatency('westus', 'NORTH EUROPE')).toBe(greatCircleLatency('West US', 'North Europe'));
    expect(() => greatCircleLatency('West US', 'Atlantis')).toThrow(/'Atlantis'.*West US/);
  });
});
