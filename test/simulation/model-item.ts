import type { Dot } from '../../src/causality/index.ts';
import type { Lsn } from '../../src/log/index.ts';
import type { Incarnation, ItemOperation, ItemState, Put } from '../../src/merge/index.ts';
import { type ReferenceItem, referenceOf } from '../kit/item-reference.ts';
import type { ModelPut } from './reference.ts';

/** What one item showed from `lsn` on. */
export interface Version {
  readonly lsn: Lsn;
  readonly put: ModelPut | undefined;
}

/** One item as the model makes it out of a log: nothing is ever collected. */
export class ModelItem {
  readonly operations: ItemOperation[] = [];
  /** Those that write the item: the others are about its conflicts. */
  readonly writes: ItemOperation[] = [];
  readonly timeline: Version[] = [{ lsn: 0, put: undefined }];
  maximal: Put[] = [];
  /** What is visible, or would be if others did not have its unique values. */
  candidate: ModelPut | undefined;
  /** How often it gave way to others. */
  givenWay = 0;
  readonly dead = new Map<Incarnation, Dot[]>();
  /** Names of losing writes that somebody dealt with, and who did; and of those that are for people. */
  readonly settled = new Map<string, Dot>();
  readonly referred = new Set<string>();
  /** Names of losers that some write carries along. */
  readonly #carried = new Set<string>();
  /** Puts that no write has seen, of containers where a procedure decides between them and deletes. */
  #contested: Put[] = [];
  /** The product's state that was last found right, with the number of operations at that time. */
  #judged: { readonly state: ItemState; readonly operations: number } | undefined;

  get visible(): ModelPut | undefined {
    return this.timeline.at(-1)?.put;
  }

  /** Whether it is not visible because others have its unique values. */
  get isSuppressed(): boolean {
    return this.candidate !== undefined && this.visible === undefined;
  }

  apply(operation: ItemOperation): void {
    this.operations.push(operation);
    if (operation.kind === 'refer') {
      for (const dot of operation.conflicts) this.referred.add(nameOf(dot));
      return;
    }
    if (operation.kind === 'settle') {
      for (const dot of operation.conflicts) this.settled.set(nameOf(dot), operation.dot);
      this.maximal = this.maximal.filter((put) => !this.settled.has(nameOf(put.dot)));
    } else this.#write(operation);
    const best = modelPut(referenceOf(this.maximal, this.writes));
    if (!isSame(best, this.candidate)) this.candidate = best;
  }

  /** What it shows from here on; `givesWay`: others have its unique values. */
  show(lsn: Lsn, givesWay: boolean): void {
    const put = givesWay ? undefined : this.candidate;
    if (put === this.visible) return;
    this.timeline.push({ lsn, put });
    if (givesWay) this.givenWay += 1;
  }

  #write(operation: Exclude<ItemOperation, { kind: 'settle' | 'refer' }>): void {
    this.writes.push(operation);
    for (const { dot } of operation.losers ?? []) this.#carried.add(nameOf(dot));
    const isLeft = (put: Put) => !operation.context.covers(put.dot);
    this.maximal = this.maximal.filter(isLeft);
    if (this.#contested.length > 0) this.#contested = this.#contested.filter(isLeft);
    if (operation.kind === 'put') {
      if (operation.contestsDeletes === true) this.#contested.push(operation);
      const isOpen = !this.dead.has(operation.incarnation) && !this.settled.has(nameOf(operation.dot));
      if (isOpen) this.maximal.push(operation);
    } else if (operation.kind === 'delete') {
      for (const incarnation of operation.incarnations) {
        this.dead.set(incarnation, [...(this.dead.get(incarnation) ?? []), operation.dot]);
      }
      this.maximal = this.maximal.filter((put) => !this.dead.has(put.incarnation));
    }
  }

  /** Names of the conflicts that nobody has settled, sorted. */
  conflicts(): readonly string[] {
    const isPlain = this.#carried.size === 0 && this.#contested.length === 0;
    if (isPlain && this.maximal.length < 2 && !this.isSuppressed) return NONE;
    const ended = this.#contested.filter((put) => this.dead.has(put.incarnation));
    const losing = losersAmong(this.maximal, this.isSuppressed ? undefined : this.candidate);
    const open = new Set([...this.#carried, ...ended.map(({ dot }) => nameOf(dot)), ...losing]);
    return [...open].filter((name) => !this.settled.has(name)).sort();
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
    return visibleOf(this.operations).visible;
  }
}

const NONE: readonly string[] = [];

/**
 * From nothing but a set of operations: what is visible, and which present writes lose and are kept. Where
 * `isSuppressed`, others have its unique values, and all have lost.
 */
export function visibleOf(
  operations: readonly ItemOperation[],
  isSuppressed = false,
): { readonly visible: ModelPut | undefined; readonly losers: readonly string[] } {
  const settled = new Set<string>();
  const dead = new Set<Incarnation>();
  const writes: ItemOperation[] = [];
  for (const one of operations) {
    if (one.kind === 'settle') for (const dot of one.conflicts) settled.add(nameOf(dot));
    else if (one.kind !== 'refer') writes.push(one);
    if (one.kind === 'delete') for (const incarnation of one.incarnations) dead.add(incarnation);
  }
  const uncovered = writes.filter((one): one is Put => {
    if (one.kind !== 'put' || settled.has(nameOf(one.dot))) return false;
    return !writes.some((other) => other.context.covers(one.dot));
  });
  const maximal = uncovered.filter((put) => !dead.has(put.incarnation));
  const visible = modelPut(referenceOf(maximal, writes));
  const ended = uncovered.filter((put) => put.contestsDeletes === true && dead.has(put.incarnation));
  const lost = losersAmong(maximal, isSuppressed ? undefined : visible);
  const losers = [...lost, ...ended.map(({ dot }) => nameOf(dot))];
  return { visible, losers: losers.sort() };
}

/** What is merged loses nothing; where nothing is visible all have lost. */
function losersAmong(maximal: readonly Put[], visible: ModelPut | undefined): string[] {
  if (visible?.parts !== undefined) return [];
  const winner = visible?.dot;
  const losers = maximal.filter(
    (put) => put.keeps === true && (winner === undefined || !isSameDot(put.dot, winner)),
  );
  return losers.map(({ dot }) => nameOf(dot)).sort();
}

function modelPut(item: ReferenceItem | undefined): ModelPut | undefined {
  if (item?.merged === undefined) return item?.put;
  const parts = item.merged.puts.map(({ dot }) => dot);
  const time = Math.max(...item.merged.puts.map((put) => put.time));
  return { ...item.put, time, body: Buffer.from(JSON.stringify(item.merged.item)), parts };
}

function isSame(a: ModelPut | undefined, b: ModelPut | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (!isSameDot(a.dot, b.dot)) return false;
  // One dot has one content, as is judged elsewhere; what is merged has a body of its own.
  return a.body === b.body || (isSameParts(a.parts, b.parts) && Buffer.compare(a.body, b.body) === 0);
}

function isSameParts(a: readonly Dot[] | undefined, b: readonly Dot[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((dot, place) => isSameDot(dot, b[place] ?? { origin: -1, n: -1 }));
}

export function isSameDot(a: Dot, b: Dot): boolean {
  return a.origin === b.origin && a.n === b.n;
}

export function nameOf(dot: Dot | undefined): string {
  return dot === undefined ? 'nothing' : `${dot.origin}.${dot.n}`;
}
