/** What the regions count, in the text format that Prometheus scrapes. */
import type { HistogramSnapshot } from '../../base/index.ts';
import type { PeerMetrics, RegionMetrics } from './planet.ts';

/** For which times after its acknowledgement the chance is published that a write can be read elsewhere. */
const PUBLISHED_MS = [0, 10, 50, 100, 500, 1_000, 5_000];
/**
 * The chance that a read in a region asks a replica that has what the region has: with one replica for each
 * partition, as here, it always does. (With N replicas, W of them written and R read: 1 - C(N-W,R)/C(N,R).)
 */
const IN_REGION_CHANCE = 1;

type Labels = Readonly<Record<string, string | number>>;

/** `regions`: all of the account; those without metrics are down. */
export function metricsText(regions: readonly string[], found: readonly RegionMetrics[]): string {
  const page = new Page();
  page.family('orrery_region_up', 'gauge', 'Whether the region runs and answers.');
  for (const region of regions) {
    page.sample({ region }, found.some((metrics) => metrics.region === region) ? 1 : 0);
  }
  addOperations(page, found);
  addReplication(page, found);
  addVisibility(page, found);
  addLevels(page, found);
  addLogs(page, found);
  addMemory(page, found);
  return page.text();
}

function addOperations(page: Page, found: readonly RegionMetrics[]): void {
  page.family('orrery_requests_total', 'counter', 'Operations on items by how they ended.');
  page.each(found, ({ region, operations }) => {
    for (const { operation, outcomes } of operations) {
      for (const [outcome, count] of Object.entries(outcomes)) {
        page.sample({ region, operation, outcome }, count);
      }
    }
  });
  page.family('orrery_request_units_total', 'counter', 'Request units of operations that succeeded.');
  page.each(found, ({ region, operations }) => {
    for (const { operation, charge } of operations) page.sample({ region, operation }, charge);
  });
  page.family('orrery_request_duration_ms', 'histogram', 'Time from taking an operation to its end.');
  page.each(found, ({ region, operations }) => {
    for (const { operation, latencyMs } of operations) page.histogram({ region, operation }, latencyMs);
  });
}

function addReplication(page: Page, found: readonly RegionMetrics[]): void {
  page.family('orrery_link_up', 'gauge', 'Whether the region pulls from the other one directly.');
  page.eachPeer(found, (labels, peer) => page.sample(labels, peer.isConnected ? 1 : 0));
  page.family('orrery_replication_lag_operations', 'gauge', "The other region's own writes that it lacks.");
  page.eachPeer(found, (labels, peer) => page.sample(labels, peer.lag.operations));
  page.family('orrery_replication_lag_ms', 'gauge', 'For how long it has known of the oldest of them.');
  page.eachPeer(found, (labels, peer) => page.sample(labels, peer.lag.ms));
  page.family('orrery_unacknowledged_bytes', 'gauge', 'Sent to the other region and not durable there yet.');
  page.eachPeer(found, (labels, peer) => page.sample(labels, peer.unacknowledgedBytes));
  page.family('orrery_round_trip_ms', 'gauge', 'Of the last question and its answer.');
  page.eachPeer(found, (labels, peer) => {
    if (peer.roundTripMs !== undefined) page.sample(labels, peer.roundTripMs);
  });
}

function addVisibility(page: Page, found: readonly RegionMetrics[]): void {
  page.family('orrery_visibility_ms', 'histogram', "From a write's being durable here to there.");
  page.eachPeer(found, ({ region, peer: to }, { visibility }) => {
    if (visibility !== undefined) page.histogram({ from: region, to }, visibility);
  });
  page.family(
    'orrery_visible_probability',
    'gauge',
    'Measured chance that a read there, so long after the acknowledgement here, sees the write.',
  );
  page.eachPeer(found, ({ region, peer: to }, { visibility }) => {
    // What was never measured is not published.
    if (visibility === undefined || visibility.counts.every((count) => count === 0)) return;
    for (const ms of PUBLISHED_MS) {
      page.sample({ from: region, to, ms }, IN_REGION_CHANCE * shareUpTo(visibility, ms));
    }
  });
}

function shareUpTo({ bounds, counts }: HistogramSnapshot, limit: number): number {
  let below = 0;
  let all = 0;
  for (const [place, count] of counts.entries()) {
    all += count;
    if ((bounds[place] ?? Number.POSITIVE_INFINITY) <= limit) below += count;
  }
  return below / all;
}

function addLevels(page: Page, found: readonly RegionMetrics[]): void {
  page.family('orrery_lease_held', 'gauge', "Whether reads of the account's level are answered here.");
  page.each(found, ({ region, lease }) => {
    if (lease !== undefined) page.sample({ region }, lease.held ? 1 : 0);
  });
  page.family('orrery_quorum_regions', 'gauge', 'Regions that a Strong write waits for.');
  page.each(found, ({ region, quorum }) => {
    if (quorum !== undefined) page.sample({ region }, quorum.size);
  });
  page.family('orrery_quorum_epoch', 'counter', 'Rises with each change of that set.');
  page.each(found, ({ region, quorum }) => {
    if (quorum !== undefined) page.sample({ region }, quorum.epoch);
  });
  page.family('orrery_clock_correction_ms', 'gauge', 'How far the wall clock is too far ahead.');
  page.each(found, ({ region, clockCorrectionMs }) => page.sample({ region }, clockCorrectionMs));
  page.family('orrery_clock_refusals_total', 'counter', 'Times of other regions too far ahead to follow.');
  page.each(found, ({ region, clockRefusals }) => page.sample({ region }, clockRefusals));
}

function addLogs(page: Page, found: readonly RegionMetrics[]): void {
  page.family('orrery_log_bytes', 'gauge', 'What the log takes on disk; it is not trimmed.');
  page.each(found, ({ region, log }) => page.sample({ region }, log.sizeBytes));
  page.family('orrery_log_damaged_segments', 'gauge', 'Segments in which the last scrub found damage.');
  page.each(found, ({ region, log }) => page.sample({ region }, log.damagedSegments));
}

function addMemory(page: Page, found: readonly RegionMetrics[]): void {
  page.family('orrery_cached_bytes', 'gauge', 'Items kept in memory for reading.');
  page.each(found, ({ region, cachedBytes }) => page.sample({ region }, cachedBytes));
  page.family('orrery_dirty_bytes', 'gauge', 'Items in memory that the store does not have yet.');
  page.each(found, ({ region, dirtyBytes }) => page.sample({ region }, dirtyBytes));
  const processes = [...new Map(found.map((metrics) => [metrics.process.id, metrics.process])).values()];
  page.family('orrery_process_resident_bytes', 'gauge', 'Memory of a process with regions.');
  for (const { id, residentBytes } of processes) page.sample({ process: id }, residentBytes);
  page.family('orrery_process_heap_bytes', 'gauge', 'JavaScript objects of a process with regions.');
  for (const { id, heapBytes } of processes) page.sample({ process: id }, heapBytes);
}

/** A page in the making: families, each with its samples. */
class Page {
  readonly #lines: string[] = [];
  #name = '';

  family(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): void {
    this.#name = name;
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  each(found: readonly RegionMetrics[], add: (metrics: RegionMetrics) => void): void {
    for (const metrics of found) add(metrics);
  }

  eachPeer(
    found: readonly RegionMetrics[],
    add: (labels: { readonly region: string; readonly peer: string }, peer: PeerMetrics) => void,
  ): void {
    for (const { region, peers } of found) {
      for (const peer of peers) add({ region, peer: peer.region }, peer);
    }
  }

  sample(labels: Labels, value: number, suffix = ''): void {
    const pairs = Object.entries(labels).map(([name, label]) => `${name}="${escaped(String(label))}"`);
    this.#lines.push(`${this.#name}${suffix}{${pairs.join(',')}} ${value}`);
  }

  histogram(labels: Labels, { bounds, counts, sum }: HistogramSnapshot): void {
    let below = 0;
    for (const [place, count] of counts.entries()) {
      below += count;
      this.sample({ ...labels, le: bounds[place] ?? '+Inf' }, below, '_bucket');
    }
    this.sample(labels, sum, '_sum');
    this.sample(labels, below, '_count');
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

function escaped(label: string): string {
  return label.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
