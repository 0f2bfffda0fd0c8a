import { isDeepStrictEqual } from 'node:util';
import { type Dot, VersionVector } from '../../src/causality/index.ts';
import type { Lsn } from '../../src/log/index.ts';
import type { Incarnation, ItemOperation, ItemState, Put } from '../../src/merge/index.ts';
import { epkOf } from '../../src/partition/index.ts';
import { type ReferenceItem, referenceOf, referenceVisible } from '../kit/item-reference.ts';
import type { ModelPut } from './reference.ts';
import { givingWay } from './unique-model.ts';

/** What one item showed from `lsn` on. */
export interface Version {
  readonly lsn: Lsn;
  readonly put: ModelPut | undefined;
}

/** One item as the model makes it out of a log: nothing is ever collected. */
export class ModelItem {
  readonly operations: ItemOperation[] = [];
  readonly timeline: Version[] = [{ lsn: 0, put: undefined }];
  maximal: Put[] = [];
  /** What is visible, or would be if others did not have its unique values. */
  candidate: ModelPut | undefined;
  /** How often it gave way to others. */
  givenWay = 0;
  readonly dead = new Map<Incarnation, Dot[]>();
  /** The product's state that was last found right, with the number of operations at that time. */
  #judged: { readonly state: ItemState; readonly operations: number } | undefined;

  get visible(): ModelPut | undefined {
    return this.timeline.at(-1)?.put;
  }

  apply(operation: ItemOperation): void {
    this.operations.push(operation);
    this.maximal = this.maximal.filter((put) => !operation.context.covers(put.dot));
    if (operation.kind === 'put') {
      if (!this.dead.has(operation.incarnation)) this.maximal.push(operation);
    } else if (operation.kind === 'delete') {
      for (const incarnation of operation.incarnations) {
        this.dead.set(incarnation, [...(this.dead.get(incarnation) ?? []), operation.dot]);
      }
      this.maximal = this.maximal.filter((put) => !this.dead.has(put.incarnation));
    }
    const best = modelPut(referenceOf(this.maximal, this.operations));
    if (!isSame(best, this.candidate)) this.candidate = best;
  }

  /** What it shows from here on; `givesWay`: others have its unique values. */
  show(lsn: Lsn, givesWay: boolean): void {
    const put = givesWay ? undefined : this.candidate;
    if (put === this.visible) return;
    this.timeline.push({ lsn, put });
    if (givesWay) this.givenWay += 1;
  }

  judged(state: ItemState): void {
    this.#judged = { state, operations: this.operations.length };
  }

  /** Whether nothing has changed since it was last judged: states are never changed in place. */
  wasJudgedWith(state: ItemState): boolean {
    return this.#judged?.state === state && this.#judged.operations === this.operations.length;
  }

  /** The specification's answer, from nothing but the set of operations. */
  recomputed(): ModelPut | undefined {
    return modelPut(referenceVisible(this.operations));
  }
}

function modelPut(item: ReferenceItem | undefined): ModelPut | undefined {
  if (item?.merged === undefined) return item?.put;
  const parts = item.merged.puts.map(({ dot }) => dot);
  const time = Math.max(...item.merged.puts.map((put) => put.time));
  return { ...item.put, time, body: Buffer.from(JSON.stringify(item.merged.item)), parts };
}

function isSame(a: ModelPut | undefined, b: ModelPut | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.dot.origin !== b.dot.origin || a.dot.n !== b.dot.n) return false;
  // One dot has one content, as is judged elsewhere; what is merged has a body of its own.
  return a.body === b.body || isDeepStrictEqual([a.parts, a.body], [b.parts, b.body]);
}

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
