/** What clients saw of registers: items that are written with values which nobody else writes. */
export interface RegisterOperation {
  readonly key: string;
  readonly kind: 'read' | 'write';
  readonly region: string;
  readonly startMs: number;
  /** Infinite while the outcome is unknown. */
  endMs: number;
  /** Written, or read; undefined is the value that a register begins with. */
  value: number | undefined;
  /** A write that was refused for sure, or a read that came to nothing. */
  isVoid: boolean;
  /** Of a write: its place in a log. The writes of one transaction share it, and count as one operation. */
  readonly position?: number;
}

interface Zone {
  readonly value: number | undefined;
  readonly from: number;
  readonly to: number;
  readonly isForward: boolean;
}

/**
 * Why a history of registers is not linearizable; undefined when it is. As every value is written once, the
 * operations on one register fall into one cluster for each value, and the clusters tell (Gibbons
 * and Korach, SIAM Journal on Computing 1997): two forward zones must not overlap, and no forward zone may
 * hold a backward zone.
 */
export function linearizabilityViolation(history: readonly RegisterOperation[]): string | undefined {
  const live = history.filter(({ isVoid }) => !isVoid);
  for (const [key, operations] of grouped(live, (one) => one.key)) {
    const why = registerViolation(operations);
    if (why !== undefined) return `${key}: ${why}`;
  }
  return undefined;
}

function grouped<K>(
  operations: readonly RegisterOperation[],
  keyOf: (one: RegisterOperation) => K,
): Map<K, RegisterOperation[]> {
  const groups = new Map<K, RegisterOperation[]>();
  for (const one of operations) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return groups;
}

function registerViolation(operations: readonly RegisterOperation[]): string | undefined {
  const zones: Zone[] = [];
  for (const [value, all] of grouped(operations, (one) => one.value)) {
    const cluster = all.filter((one) => Number.isFinite(one.endMs));
    const write = all.find((one) => one.kind === 'write');
    if (value !== undefined && write === undefined) return `${value} was read and never written`;
    const reads = cluster.filter(({ kind }) => kind === 'read');
    // A write with an unknown outcome that nobody saw may never have happened.
    if (reads.length === 0 && (write === undefined || !Number.isFinite(write.endMs))) continue;
    if (write !== undefined && reads.some((read) => read.endMs < write.startMs)) {
      return `${value} was read before it was written`;
    }
    const written = write ?? { startMs: Number.NEGATIVE_INFINITY, endMs: Number.NEGATIVE_INFINITY };
    const firstEnd = Math.min(written.endMs, ...reads.map((read) => read.endMs));
    const lastStart = Math.max(written.startMs, ...reads.map((read) => read.startMs));
    const isForward = firstEnd < lastStart;
    const [from, to] = isForward ? [firstEnd, lastStart] : [lastStart, firstEnd];
    zones.push({ value, from, to, isForward });
  }
  const forward = zones.filter((zone) => zone.isForward).sort((a, b) => a.from - b.from);
  for (const [place, zone] of forward.entries()) {
    const next = forward[place + 1];
    if (next !== undefined && next.from < zone.to) {
      return `${zone.value} was current after ${next.value} was, and the other way round, at ${next.from}`;
    }
    const inside = zones.find((other) => !other.isForward && other.from > zone.from && other.to < zone.to);
    if (inside !== undefined) return `${inside.value} came and went while ${zone.value} was current`;
  }
  return undefined;
}

/**
 * Why a read was staler than allowed; undefined when none was. Each register has one writer, which counts
 * upwards, so values tell their order; all registers share a partition, and
 * the bound holds for the writes of each region.
 */
export function stalenessViolation(
  history: readonly RegisterOperation[],
  bound: { readonly operations: number; readonly ms: number },
): string | undefined {
  const acknowledged = history
    .filter(({ kind, isVoid, endMs }) => kind === 'write' && !isVoid && Number.isFinite(endMs))
    .sort((a, b) => a.endMs - b.endMs);
  const ofKeys = grouped(acknowledged, (one) => one.key);
  for (const read of history) {
    if (read.kind !== 'read' || read.isVoid || !Number.isFinite(read.endMs)) continue;
    const seen = read.value ?? -1;
    const missed = ofKeys
      .get(read.key)
      ?.find(({ endMs, value }) => endMs >= read.startMs || (value ?? 0) > seen);
    if (missed === undefined || missed.endMs >= read.startMs) continue;
    const who = `${read.region} showed ${read.key}=${seen} at ${read.startMs}`;
    const ms = read.startMs - missed.endMs;
    if (ms > bound.ms) return `${who}, ${ms} ms after ${missed.value} was acknowledged`;
    // What came after the missed one in the origin's log is missing as well; what was begun before its end
    // may have come before it.
    const { region, endMs } = missed;
    const later = acknowledged.filter(
      (write) => write.endMs < read.startMs && write.region === region && write.startMs >= endMs,
    );
    const operations = new Set(later.map((write) => write.position ?? write)).size + 1;
    if (operations > bound.operations) return `${who}, with ${operations} operations missing`;
  }
  return undefined;
}
