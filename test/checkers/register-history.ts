/**
 * Linearizability of one item used as a register: reads and writes, each value written once. Then it can be
 * decided in O(n log n) (Gibbons and Korach, "Testing shared memories", SIAM J. Comput. 26, 1997): all
 * operations on one value form a cluster, whose zone runs between the first end and the last beginning among
 * them. The history is linearizable if and only if no two forward zones overlap, no backward zone lies inside a
 * forward one, and no read ends before its write begins.
 */
export interface RegisterOperation {
  readonly kind: 'read' | 'write';
  /** Undefined for a read that found nothing. */
  readonly value: string | undefined;
  readonly invokedAtMs: number;
  /** Infinity for a write whose outcome nobody knows. Reads without an answer are left out. */
  readonly completedAtMs: number;
}

interface Zone {
  readonly value: string | undefined;
  readonly fromMs: number;
  readonly toMs: number;
}

/** What is wrong with the history of one item, from its first existence on; undefined when nothing is. */
export function checkRegister(history: readonly RegisterOperation[]): string | undefined {
  const clusters = new Map<string | undefined, RegisterOperation[]>();
  const initial = { kind: 'write', value: undefined, invokedAtMs: -1, completedAtMs: -1 } as const;
  clusters.set(undefined, [initial]);
  for (const operation of history) {
    if (operation.kind !== 'write') continue;
    if (clusters.has(operation.value)) return `${operation.value} is written twice`;
    clusters.set(operation.value, [operation]);
  }
  for (const operation of history) {
    if (operation.kind !== 'read') continue;
    const cluster = clusters.get(operation.value);
    if (cluster === undefined) return `${operation.value} is read and was never written`;
    const [write] = cluster;
    if (write !== undefined && operation.completedAtMs < write.invokedAtMs) {
      return `${operation.value} is read at ${operation.completedAtMs} ms, before it is written`;
    }
    cluster.push(operation);
  }
  return checkZones([...clusters].map(([value, cluster]) => ({ value, cluster })));
}

interface Cluster {
  readonly value: string | undefined;
  readonly cluster: readonly RegisterOperation[];
}

function checkZones(clusters: readonly Cluster[]): string | undefined {
  const forward: Zone[] = [];
  const backward: Zone[] = [];
  for (const { value, cluster } of clusters) {
    const firstEnd = Math.min(...cluster.map((one) => one.completedAtMs));
    const lastBeginning = Math.max(...cluster.map((one) => one.invokedAtMs));
    // A write that nobody knows of and nobody saw may as well never have happened.
    if (firstEnd === Number.POSITIVE_INFINITY) continue;
    if (firstEnd < lastBeginning) forward.push({ value, fromMs: firstEnd, toMs: lastBeginning });
    else backward.push({ value, fromMs: lastBeginning, toMs: firstEnd });
  }
  forward.sort((a, b) => a.fromMs - b.fromMs);
  for (const [place, zone] of forward.entries()) {
    const next = forward[place + 1];
    if (next !== undefined && next.fromMs < zone.toMs) {
      return `${zone.value} and ${next.value} are each read or written before and after the other`;
    }
  }
  for (const zone of backward) {
    const around = lastBefore(forward, zone.fromMs);
    if (around !== undefined && zone.toMs < around.toMs) {
      return `${zone.value} is all between two operations on ${around.value}`;
    }
  }
  return undefined;
}

/** The last zone that begins before a moment: forward zones that pass the first test end in order too. */
function lastBefore(zones: readonly Zone[], atMs: number): Zone | undefined {
  let [low, high] = [0, zones.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((zones[middle]?.fromMs ?? 0) < atMs) low = middle + 1;
    else high = middle;
  }
  return zones[low - 1];
}
