import { type Origin, VersionVector } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';

/** How far this region is behind another's own writes in one partition, as far as it was told. */
export interface Lag {
  readonly operations: number;
  /** How long the oldest write that is missing has been known of. */
  readonly ms: number;
}

interface Mark {
  readonly n: number;
  readonly atMs: number;
}

/** More marks would only make the age of a large backlog finer. */
const MARKS_MAX = 32;

/**
 * What each other region is known to have applied, durably, per partition: this region's rows of the matrix
 * clock (Wuu and Bernstein). A row only ever grows, so it may be told twice, late and by anybody. It counts
 * in one membership epoch; that its region had so much on its disk stays true for ever (see `known`).
 */
export class Reports {
  readonly #rows = new Map<PartitionNumber, Map<Origin, VersionVector>>();
  /** Rows that count no more. */
  readonly #past = new Map<PartitionNumber, Map<Origin, VersionVector>>();
  /** Own writes of other regions that we heard of and may not have, oldest first. */
  readonly #marks = new Map<PartitionNumber, Map<Origin, Mark[]>>();

  /** Learns that `origin` has applied at least `vector`. False when that is nothing new. */
  learn(partition: PartitionNumber, origin: Origin, vector: VersionVector, nowMs: number): boolean {
    const rows = of(this.#rows, partition);
    const known = rows.get(origin);
    if (known?.coversAll(vector)) return false;
    if (known === undefined) rows.set(origin, vector.clone());
    else known.join(vector);
    this.hear(partition, { origin, n: vector.get(origin) }, nowMs);
    return true;
  }

  /** Learns that the n-th write of `origin` exists. */
  hear(partition: PartitionNumber, { origin, n }: { origin: Origin; n: number }, nowMs: number): void {
    if (n === 0) return;
    const marks = listOf(of(this.#marks, partition), origin);
    if (n <= (marks.at(-1)?.n ?? 0)) return;
    if (marks.length >= MARKS_MAX) marks.pop();
    marks.push({ n, atMs: nowMs });
  }

  rows(partition: PartitionNumber): ReadonlyMap<Origin, VersionVector> {
    return this.#rows.get(partition) ?? NO_ROWS;
  }

  /** What `origin` is known to have had on its disk at some time: one that has less has an older disk. */
  known(partition: PartitionNumber, origin: Origin): VersionVector {
    const known = this.#past.get(partition)?.get(origin)?.clone() ?? new VersionVector();
    const row = this.#rows.get(partition)?.get(origin);
    if (row !== undefined) known.join(row);
    return known;
  }

  /** `applied`: what this region has of the partition. */
  lag(partition: PartitionNumber, origin: Origin, applied: VersionVector, nowMs: number): Lag {
    const marks = this.#marks.get(partition)?.get(origin);
    const own = applied.get(origin);
    // What we have will not be missing again.
    while (marks?.[0] !== undefined && marks[0].n <= own) marks.shift();
    const oldest = marks?.[0];
    const newest = marks?.at(-1);
    if (oldest === undefined || newest === undefined) return { operations: 0, ms: 0 };
    return { operations: newest.n - own, ms: nowMs - oldest.atMs };
  }

  forget(partition: PartitionNumber): void {
    this.#rows.delete(partition);
    this.#past.delete(partition);
    this.#marks.delete(partition);
  }

  /** The rows of all other origins count no more. */
  retain(origins: ReadonlySet<Origin>): void {
    for (const [partition, rows] of this.#rows) {
      for (const [origin, row] of rows) {
        if (origins.has(origin)) continue;
        rows.delete(origin);
        const past = of(this.#past, partition);
        const before = past.get(origin);
        if (before === undefined) past.set(origin, row);
        else before.join(row);
      }
    }
    dropRows(this.#marks, (origin) => !origins.has(origin));
  }

  /** These storage lives are over: nobody will ask what their disks had. */
  bury(retired: Iterable<Origin>): void {
    const origins = new Set(retired);
    dropRows(this.#past, (origin) => origins.has(origin));
  }
}

const NO_ROWS: ReadonlyMap<Origin, VersionVector> = new Map();

function of<V>(table: Map<PartitionNumber, Map<Origin, V>>, partition: PartitionNumber): Map<Origin, V> {
  let rows = table.get(partition);
  if (rows === undefined) {
    rows = new Map();
    table.set(partition, rows);
  }
  return rows;
}

function dropRows<V>(
  table: ReadonlyMap<PartitionNumber, Map<Origin, V>>,
  isOver: (origin: Origin) => boolean,
): void {
  for (const rows of table.values()) {
    for (const origin of rows.keys()) if (isOver(origin)) rows.delete(origin);
  }
}

function listOf(lists: Map<Origin, Mark[]>, origin: Origin): Mark[] {
  let list = lists.get(origin);
  if (list === undefined) {
    list = [];
    lists.set(origin, list);
  }
  return list;
}
