import type { Dot } from '../../src/causality/index.ts';
import { VersionVector } from '../../src/causality/index.ts';
import type { Lsn } from '../../src/log/index.ts';
import type { Incarnation, ItemOperation } from '../../src/merge/index.ts';
import { epkOf } from '../../src/partition/index.ts';
import { ModelItem, type Version } from './model-item.ts';
import type { ModelPut } from './reference.ts';
import { givingWay } from './unique-model.ts';

/** One change of a log's entry: a transaction has several, all with one LSN and one dot. */
export interface LoggedChange {
  readonly lsn: Lsn;
  readonly key: string;
  readonly operation: ItemOperation;
}

/** One entry of a log, as the checkers keep it. */
export interface LoggedEntry {
  readonly lsn: Lsn;
  readonly dot: Dot;
  readonly context: VersionVector;
  readonly time: number;
  readonly changes: readonly LoggedChange[];
  /** Of the entry's bytes. */
  readonly hash: number;
}

/** The log of one partition in one region as far as it was seen, with what it means. */
export class RegionLog {
  /** Entry of LSN i + 1 at i. */
  readonly entries: LoggedEntry[] = [];
  readonly vector = new VersionVector();
  readonly items = new Map<string, ModelItem>();
  readonly incarnations = new Set<Incarnation>();
  /** The latest hybrid time in the log. */
  timeMax = 0;
  /** When it was last read to its end, in simulated milliseconds. */
  followedAtMs = 0;
  /** Whether the container has unique keys. */
  readonly #isUnique: boolean;
  /** By origin: at n - 1 the LSN from which on its n-th write was here. */
  readonly #since = new Map<number, Lsn[]>();

  constructor(isUnique: boolean) {
    this.#isUnique = isUnique;
  }

  append(entry: LoggedEntry): void {
    this.entries.push(entry);
    this.#noteSince(entry);
    this.vector.advance(entry.dot.origin, entry.dot.n);
    this.timeMax = Math.max(this.timeMax, entry.time);
    for (const { key, operation } of entry.changes) {
      if (operation.kind === 'put') this.incarnations.add(operation.incarnation);
      let item = this.items.get(key);
      if (item === undefined) {
        item = new ModelItem();
        this.items.set(key, item);
      }
      item.apply(operation);
    }
    // Nobody can see what items are between two changes of one transaction.
    if (this.#isUnique) this.#showRivals(entry);
    else for (const { key } of entry.changes) this.items.get(key)?.show(entry.lsn, false);
  }

  #showRivals({ lsn, changes }: LoggedEntry): void {
    for (const epk of new Set(changes.map(({ key }) => epkOf(key)))) {
      const items = [...this.items].filter(([key]) => epkOf(key) === epk);
      const rivals = items.flatMap(([key, { candidate: put }]) => (put === undefined ? [] : [{ key, put }]));
      const losing = givingWay(rivals);
      for (const [key, item] of items) item.show(lsn, losing.has(key));
    }
  }

  /** Items that are not visible because others have their unique values. */
  hiddenKeys(): string[] {
    const hidden = [...this.items].filter(([, item]) => item.candidate !== item.visible);
    return hidden.map(([key]) => key);
  }

  /** The first LSN at which everything that `demand` names was here; undefined when it never was. */
  firstCovering(demand: VersionVector): Lsn | undefined {
    let first = 0;
    for (const [origin, n] of demand.entries()) {
      const lsn = this.#since.get(origin)?.[n - 1];
      if (lsn === undefined) return undefined;
      first = Math.max(first, lsn);
    }
    return first;
  }

  #noteSince({ dot, lsn }: LoggedEntry): void {
    let since = this.#since.get(dot.origin);
    if (since === undefined) {
      since = [];
      this.#since.set(dot.origin, since);
    }
    // Where numbers were left out, which is judged elsewhere, the vector covers them all the same.
    while (since.length < dot.n) since.push(lsn);
  }

  /** What the item showed at any moment from `from` to `to`, both included. */
  shown(key: string, from: Lsn, to: Lsn): (ModelPut | undefined)[] {
    const timeline = this.items.get(key)?.timeline;
    if (timeline === undefined) return [undefined];
    const shown: (ModelPut | undefined)[] = [];
    for (let place = placeAt(timeline, from); place < timeline.length; place++) {
      const version = timeline[place];
      if (version === undefined || version.lsn > to) break;
      shown.push(version.put);
    }
    return shown;
  }
}

/** Place of the version that was shown at `lsn`. */
function placeAt(timeline: readonly Version[], lsn: Lsn): number {
  let [low, high] = [0, timeline.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((timeline[middle]?.lsn ?? 0) <= lsn) low = middle;
    else high = middle - 1;
  }
  return low;
}
