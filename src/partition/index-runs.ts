import { assert, ByteReader, ByteWriter } from '../base/index.ts';
import { type Fences, soleFence, type TermText } from '../index/index.ts';
import type { EffectivePartitionKey } from '../resource/index.ts';

/** One run of an index (see RunBuilder), as the manifest names it. */
export interface IndexRun {
  /** Never used again, not even after a restart. */
  readonly id: number;
  readonly blockCount: number;
  readonly bytes: number;
  /** Postings added, less those taken away. */
  readonly sum: number;
  /** Kept once they were read; they never change. */
  fences: Fences | undefined;
}

/** By which rules (see Indexer) the items in the store have their terms. */
export interface IndexRules {
  readonly rules: string;
  /** Items up to a number have theirs by other rules already: the index is being converted. */
  readonly conversion?: Conversion;
}

export interface Conversion {
  readonly rules: string;
  readonly upTo: number;
  /** How many items that were. */
  readonly items: number;
}

/** What an index consists of at one moment: the sum of these runs, oldest first. */
export interface Manifest {
  /** Grows with every change. */
  readonly version: number;
  readonly runs: readonly IndexRun[];
  /** Undefined while nothing was written. */
  readonly rules: IndexRules | undefined;
}

export const NO_RUNS: Manifest = { version: 0, runs: [], rules: undefined };

export function newRun(id: number, fences: Fences, bytes: number): IndexRun {
  let sum = 0;
  for (const each of fences.sums) sum += each;
  const blockCount = fences.terms.length;
  return { id, blockCount, bytes, sum, fences: blockCount === 1 ? soleFence(sum) : fences };
}

/** Two manifests that a store may be between: the one it has, and the one that is being written. */
export class IndexRuns {
  #committed: Manifest;
  #pending: Manifest | undefined;
  #nextId: number;
  /** Lower ids were given out by earlier processes. */
  readonly #firstId: number;
  /** Made by the compactor; the next batch takes it in. */
  #finished: MergedRuns | undefined;
  /** What the proposed manifest no longer names. */
  #replaced: readonly IndexRun[] = [];
  /** From the choice of runs until their merger is in the store. */
  isMerging = false;

  constructor(stored: Manifest) {
    this.#committed = stored;
    // A merge that a crash ended may have left blocks of one run that no manifest knows: pass over its id.
    this.#firstId = nextIdOf(stored) + 1;
    this.#nextId = this.#firstId;
  }

  get committed(): Manifest {
    return this.#committed;
  }

  get pending(): Manifest | undefined {
    return this.#pending;
  }

  /** Ids of earlier processes that name no run now, as ranges: from, and exclusive to. */
  gaps(): readonly (readonly [from: number, to: number])[] {
    const ids = this.#committed.runs.map(({ id }) => id).filter((id) => id < this.#firstId);
    const gaps: [number, number][] = [];
    let next = 0;
    for (const id of [...ids.sort((a, b) => a - b), this.#firstId]) {
      if (id > next) gaps.push([next, id]);
      next = id + 1;
    }
    return gaps;
  }

  takeId(): number {
    return this.#nextId++;
  }

  /** The manifest that is true once a batch with these changes is in the store; see `settle`. */
  propose(added: readonly IndexRun[], rules: IndexRules): Manifest {
    assert(this.#pending === undefined, 'one batch after the other changes an index');
    const { version, runs } = this.#committed;
    const kept = this.#finished === undefined ? runs : replaceRuns(runs, this.#finished);
    this.#replaced = this.#finished?.replaced ?? [];
    this.#finished = undefined;
    this.#pending = { version: version + 1, runs: [...kept, ...added], rules };
    return this.#pending;
  }

  /** Runs were merged, and their merger is in the store. */
  finish(merged: MergedRuns): void {
    assert(this.isMerging && this.#finished === undefined, 'one merger after the other');
    this.#finished = merged;
  }

  get hasFinished(): boolean {
    return this.#finished !== undefined;
  }

  /** The batch with the proposed manifest is in the store; gives the runs that nobody names any more. */
  settle(): readonly IndexRun[] {
    assert(this.#pending !== undefined, 'a batch is settled once');
    this.#committed = this.#pending;
    this.#pending = undefined;
    return this.#replaced;
  }
}

/** Consecutive runs, and the one that says the same; undefined when nothing was left. */
export interface MergedRuns {
  readonly replaced: readonly IndexRun[];
  readonly by: IndexRun | undefined;
}

function replaceRuns(runs: readonly IndexRun[], { replaced, by }: MergedRuns): IndexRun[] {
  const at = runs.indexOf(replaced[0] as IndexRun);
  assert(at >= 0 && replaced.every((run, i) => runs[at + i] === run), 'merged runs are still there');
  return [...runs.slice(0, at), ...(by === undefined ? [] : [by]), ...runs.slice(at + replaced.length)];
}

function nextIdOf({ runs }: Manifest): number {
  return runs.reduce((next, { id }) => Math.max(next, id + 1), 0);
}

const FORMAT = 2;

export function encodeManifest({ version, runs, rules }: Manifest): Buffer {
  const writer = new ByteWriter(512)
    .u8(FORMAT)
    .uint(version)
    .string(JSON.stringify(rules ?? null));
  writer.uint(runs.length);
  for (const { id, blockCount, bytes, sum } of runs) {
    writer
      .uint(id)
      .uint(blockCount)
      .uint(bytes)
      .uint(sum < 0 ? -2 * sum - 1 : 2 * sum);
  }
  return writer.finish();
}

export function decodeManifest(bytes: Buffer): Manifest {
  const reader = new ByteReader(bytes);
  assert(reader.u8() === FORMAT, 'the store checked its format when it was opened');
  const version = reader.uint();
  const rules = (JSON.parse(reader.string()) as IndexRules | null) ?? undefined;
  const runs = Array.from({ length: reader.uint() }, (): IndexRun => {
    const id = reader.uint();
    const blockCount = reader.uint();
    const size = reader.uint();
    const code = reader.uint();
    const sum = code % 2 === 1 ? -(code + 1) / 2 : code / 2;
    return { id, blockCount, bytes: size, sum, fences: blockCount === 1 ? soleFence(sum) : undefined };
  });
  return { version, runs, rules };
}

/** The path of no property: under it stand the effective partition keys. */
const KEY_PATH: TermText = '\0'.repeat(8);

/** Every item has it: under it stand all numbers, rising. */
export const ALL_TERM: TermText = `${'\0'.repeat(7)}\x01`;

/** Every item has this term too, beside those of its properties. */
export function keyTerm(epk: EffectivePartitionKey): TermText {
  return `${KEY_PATH}${epk}\0`;
}

/** Where the terms of a range of keys begin and end. */
export function keyBound(epk: EffectivePartitionKey): TermText {
  return KEY_PATH + epk;
}

/** Under it stand the keys of the items that stay out of the index: only lists of all items look there. */
const UNINDEXED_PATH: TermText = `${'\0'.repeat(7)}\x02`;

/** The only term of an item that stays out of the index. */
export function unindexedTerm(epk: EffectivePartitionKey): TermText {
  return `${UNINDEXED_PATH}${epk}\0`;
}

/** As `keyBound`, of those items. */
export function unindexedBound(epk: EffectivePartitionKey): TermText {
  return UNINDEXED_PATH + epk;
}

/** The key of a term that `keyTerm` or `unindexedTerm` made. */
export function keyOfTerm(term: TermText): EffectivePartitionKey {
  return term.slice(KEY_PATH.length, -1);
}
