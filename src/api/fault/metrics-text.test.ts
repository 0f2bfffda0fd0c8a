import { describe, expect, test } from 'vitest';
import { metricsText } from './metrics-text.ts';
import type { RegionMetrics } from './planet.ts';

const latencyMs = { bounds: [1, 10], counts: [3, 0, 1], sum: 40 };

const A: RegionMetrics = {
  region: 'A "1"',
  operations: [
    {
      operation: 'read',
      outcomes: { ok: 3, refused: 0, throttled: 0, timedOut: 1, failed: 0 },
      charge: 3.5,
      latencyMs,
    },
  ],
  peers: [
    {
      region: 'B',
      isConnected: true,
      lag: { operations: 2, ms: 30 },
      roundTripMs: undefined,
      unacknowledgedBytes: 7,
      visibility: { bounds: [0, 10, 50, 100], counts: [1, 2, 0, 1, 1], sum: 500 },
    },
  ],
  lease: { held: true, expiresInMs: 10 },
  quorum: { epoch: 4, size: 2 },
  clockCorrectionMs: 0,
  clockRefusals: 9,
  cachedBytes: 1,
  dirtyBytes: 2,
  log: { sizeBytes: 5, damagedSegments: 1 },
  process: { id: 1, residentBytes: 3, heapBytes: 4 },
};

const lines = metricsText(['A "1"', 'B'], [A]).split('\n');

describe('the page', () => {
  test.each([
    'orrery_region_up{region="A \\"1\\""} 1',
    'orrery_region_up{region="B"} 0',
    'orrery_requests_total{region="A \\"1\\"",operation="read",outcome="timedOut"} 1',
    'orrery_request_units_total{region="A \\"1\\"",operation="read"} 3.5',
    'orrery_replication_lag_operations{region="A \\"1\\"",peer="B"} 2',
    'orrery_quorum_regions{region="A \\"1\\""} 2',
    'orrery_clock_refusals_total{region="A \\"1\\""} 9',
    'orrery_log_bytes{region="A \\"1\\""} 5',
    'orrery_log_damaged_segments{region="A \\"1\\""} 1',
    'orrery_process_resident_bytes{process="1"} 3',
  ])('says %s', (line) => {
    expect(lines).toContain(line);
  });

  test('counts classes of a histogram together, as its readers expect', () => {
    const buckets = lines.filter((line) => line.startsWith('orrery_request_duration_ms'));
    expect(buckets.map((line) => line.replace(/.*?(le="[^"]*")?\} /, '$1 '))).toEqual([
      'le="1" 3',
      'le="10" 3',
      'le="+Inf" 4',
      ' 40',
      ' 4',
    ]);
  });

  test('publishes how likely a write can be read elsewhere after so many milliseconds', () => {
    const chances = lines.filter((line) => line.startsWith('orrery_visible_probability'));
    expect(chances.map((line) => line.replace(/.*ms="(\d+)"\} /, '$1: '))).toEqual([
      '0: 0.2',
      '10: 0.6',
      '50: 0.6',
      '100: 0.8',
      '500: 0.8',
      '1000: 0.8',
      '5000: 0.8',
    ]);
    expect(chances[0]).toContain('from="A \\"1\\"",to="B"');
  });

  test('has a help and a type for everything it says', () => {
    const types = lines.filter((line) => line.startsWith('# TYPE'));
    const named = new Set(types.map((line) => line.split(' ')[2]));
    for (const line of lines.filter((one) => one !== '' && !one.startsWith('#'))) {
      const name = /^[a-z_]+/.exec(line)?.[0] ?? '';
      expect(named.has(name) || named.has(name.replace(/_(bucket|sum|count)$/, '')), line).toBe(true);
    }
    expect(lines.some((line) => line.startsWith('orrery_round_trip_ms{'))).toBe(false);
  });
});
