import { isDeepStrictEqual } from 'node:util';
import { murmur3x86Hash32 } from '../../src/base/index.ts';
import type { Dot, Origin } from '../../src/causality/index.ts';
import type { PartitionNumber } from '../../src/log/index.ts';
import {
  conflictsOf,
  EMPTY_ITEM,
  type ItemOperation,
  type ItemState,
  type StoredPut,
  visiblePut,
} from '../../src/merge/index.ts';
import { decodeEntry, peekEntry } from '../../src/partition/index.ts';
import { withoutSystem } from '../kit/item-reference.ts';
import { type Lifetimes, simulatedMs } from './lifetimes.ts';
import { type ModelItem, nameOf } from './model-item.ts';
import type { ModelPut } from './reference.ts';
import { type LoggedChange, type LoggedEntry, RegionLog } from './region-log.ts';
import type { InspectedPartition } from './region-under-test.ts';
import type { Violations } from './violations.ts';

const READ_BYTES_MAX = 1 << 20;

/** A region whose log is being followed. */
export interface Followed {
  readonly region: string;
  /** Under which it writes now. */
  readonly origin: Origin;
}

export interface LedgerOptions {
  readonly violations: Violations;
  readonly lifetimes: Lifetimes;
  /** Whether hybrid times must respect causality: not so when clocks differ by more than the drift limit. */
  readonly isTimeCausal: boolean;
  /** Simulated milliseconds since the start. */
  readonly nowMs: () => number;
  /** Whether the container has unique keys. */
  readonly isUnique?: boolean;
}

/** A log that was lost with its disk. */
interface FormerLog {
  readonly partition: PartitionNumber;
  readonly log: RegionLog;
  readonly lostAtMs: number;
}

type DecodedEntry = Pick<LoggedEntry, 'dot' | 'context' | 'time'> & {
  readonly bytes: Uint8Array;
  readonly changes: ReturnType<typeof decodeEntry>['changes'];
};

/**
 * Follows every log of every region, judges each entry as it appears, and keeps what they all amount to: the
 * operations that ever existed, and what each region must show for its own log.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #logs = new Map<string, Map<PartitionNumber, RegionLog>>();
  readonly #former: FormerLog[] = [];
  /** Every operation ever seen, by partition set and dot. */
  readonly #universe = new Map<PartitionNumber, Map<string, LoggedEntry>>();
  /** By hash of their bytes: the same entry comes from every region, and is decoded once. */
  readonly #decoded = new Map<number, DecodedEntry>();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  get isUnique(): boolean {
    return this.#options.isUnique === true;
  }

  get lifetimes(): Lifetimes {
    return this.#options.lifetimes;
  }

  log(region: string, partition: PartitionNumber): RegionLog {
    let logs = this.#logs.get(region);
    if (logs === undefined) {
      logs = new Map();
      this.#logs.set(region, logs);
    }
    let log = logs.get(partition);
    if (log === undefined) {
      log = new RegionLog(this.isUnique);
      logs.set(partition, log);
    }
    return log;
  }

  /**
   * The region's logs are gone, and nobody promised that they would stay. What they said was true all the
   * same.
   */
  forget(region: string): void {
    const lostAtMs = this.#options.nowMs();
    for (const [partition, log] of this.#logs.get(region) ?? [])
      this.#former.push({ partition, log, lostAtMs });
    this.#logs.delete(region);
    // What comes next is untold until it is read.
    for (const partition of this.partitions()) this.log(region, partition).followedAtMs = lostAtMs;
  }

  /**
   * Whether some region was, at a moment from `fromMs` to `toMs`, in a state that nobody can tell any more:
   * it lost its disk before its log was read so far.
   */
  hasUntold(partition: PartitionNumber, { fromMs, toMs }: { fromMs: number; toMs: number }): boolean {
    return this.#former.some(
      (one) => one.partition === partition && one.log.followedAtMs <= toMs && one.lostAtMs >= fromMs,
    );
  }

  /** All logs of a partition set that there are and ever were. */
  everyLog(partition: PartitionNumber): RegionLog[] {
    const former = this.#former.filter((one) => one.partition === partition).map((one) => one.log);
    return [...former, ...[...this.#logs.keys()].map((region) => this.log(region, partition))];
  }

  /** Every operation of a partition set that any region ever had. */
  universe(partition: PartitionNumber): ReadonlyMap<string, LoggedEntry> {
    return this.#universe.get(partition) ?? new Map();
  }

  /** What all those operations did to items. */
  *changes(partition: PartitionNumber): Generator<LoggedChange> {
    for (const entry of this.universe(partition).values()) yield* entry.changes;
  }

  /** How often items disappeared because others had their unique values, over all logs. */
  countGivenWay(): number {
    let count = 0;
    for (const number of this.partitions())
      for (const log of this.everyLog(number)) for (const item of log.items.values()) count += item.givenWay;
    return count;
  }

  partitions(): PartitionNumber[] {
    return [...this.#universe.keys()].sort((a, b) => a - b);
  }

  /** Reads and judges what is new in a log. */
  async follow(followed: Followed, partition: InspectedPartition): Promise<void> {
    const log = this.log(followed.region, partition.number);
    const nowMs = this.#options.nowMs();
    const tail = partition.tail();
    if (tail < log.entries.length) {
      this.#options.violations.report(
        'I19 acknowledged is durable',
        `${followed.region} partition ${partition.number} ended at ${log.entries.length}, now at ${tail}`,
      );
      return;
    }
    while (log.entries.length < tail) {
      const chunk = await partition.read(log.entries.length + 1, READ_BYTES_MAX);
      for (const bytes of chunk) this.#take(followed, partition.number, log, bytes);
      if (chunk.length === 0) return;
    }
    log.followedAtMs = nowMs;
  }

  /** Reads a whole log again: what was once durable must still be the same. */
  async reread(followed: Followed, partition: InspectedPartition, fromLsn = 1): Promise<void> {
    const log = this.log(followed.region, partition.number);
    let lsn = fromLsn;
    while (lsn <= log.entries.length) {
      const chunk = await partition.read(lsn, READ_BYTES_MAX);
      if (chunk.length === 0) break;
      for (const bytes of chunk) {
        const known = log.entries[lsn - 1];
        if (known !== undefined && known.hash !== murmur3x86Hash32(bytes)) {
          this.#options.violations.report(
            'I19 acknowledged is durable',
            `${followed.region} partition ${partition.number} LSN ${lsn} is not what it was`,
          );
        }
        lsn += 1;
      }
    }
  }

  #take(followed: Followed, partition: PartitionNumber, log: RegionLog, bytes: Uint8Array): void {
    const lsn = log.entries.length + 1;
    const hash = murmur3x86Hash32(bytes);
    const { dot, context, time, changes } = this.#decode(bytes, hash);
    const entry: LoggedEntry = {
      dot,
      context,
      time,
      lsn,
      changes: changes.map(({ itemKey, operation }) => ({ lsn, key: itemKey, operation })),
      hash,
    };
    this.#judge(followed, partition, log, entry);
    const isOwnClaim = this.#options.isUnique === true && dot.origin === followed.origin;
    const hidden = isOwnClaim ? log.hiddenKeys() : [];
    log.append(entry);
    for (const key of hidden) this.#judgeReturn(`${followed.region} partition ${partition}`, log, entry, key);
    this.#admit(partition, entry, followed.region);
  }

  #decode(bytes: Uint8Array, hash: number): DecodedEntry {
    const known = this.#decoded.get(hash);
    if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) return known;
    const copy = bytes.slice();
    const { dot, context, time } = peekEntry(copy);
    const decoded = { bytes: copy, dot, context, time, changes: decodeEntry(copy).changes };
    this.#decoded.set(hash, decoded);
    return decoded;
  }

  #judge(followed: Followed, partition: PartitionNumber, log: RegionLog, entry: LoggedEntry): void {
    const { violations } = this.#options;
    const { dot, context } = entry;
    const where = `${followed.region} partition ${partition} LSN ${entry.lsn}: ${nameOf(dot)}`;
    const expected = log.vector.get(dot.origin) + 1;
    if (dot.n !== expected) {
      violations.report(
        'I5 one dot, one content; contiguous positions',
        `${where} came instead of n = ${expected}`,
      );
    }
    if (!log.vector.coversAll(context)) {
      violations.report('I6 causal order', `${where} saw [${context}], the region had [${log.vector}]`);
    }
    if (dot.origin === followed.origin) this.#judgeOwn(where, log, entry);
  }

  /** A region's own write must follow from what its log says it had then. */
  #judgeOwn(where: string, log: RegionLog, { context, time, changes }: LoggedEntry): void {
    const { violations, isTimeCausal, isUnique } = this.#options;
    if (!context.equals(log.vector)) {
      violations.report('I6 causal order', `${where} claims [${context}], the region had [${log.vector}]`);
    }
    if (isTimeCausal && time <= log.timeMax) {
      violations.report(
        'hybrid time follows causality',
        `${where} has time ${time}, not after ${log.timeMax}`,
      );
    }
    const deleted = new Set<string>();
    for (const { key, operation } of changes) {
      const item = log.items.get(key);
      const before = operation.kind === 'expire' ? item?.candidate : item?.visible;
      const visible = deleted.has(key) ? undefined : before;
      if (operation.kind === 'delete') deleted.add(key);
      // What gave way for its unique values is taken away in the same manner, at any time.
      const isCasualty = operation.kind === 'expire' && isUnique === true && visible !== undefined;
      const problem = isCasualty ? undefined : problemOf(operation, visible, log, this.lifetimes);
      if (problem !== undefined) {
        violations.report('I7 visible is a function of the set of operations', `${where} ${problem}`);
      }
    }
  }

  /** Whoever saw an item give way does not bring it back, unless it is what they write. */
  #judgeReturn(where: string, log: RegionLog, { lsn, changes }: LoggedEntry, key: string): void {
    if (log.items.get(key)?.visible === undefined) return;
    if (changes.some((change) => change.key === key && change.operation.kind === 'put')) return;
    this.#options.violations.report(
      'I10 one visible item for each unique value',
      `${where} LSN ${lsn} brings back ${key}, which had given way`,
    );
  }

  #admit(partition: PartitionNumber, entry: LoggedEntry, region: string): void {
    let universe = this.#universe.get(partition);
    if (universe === undefined) {
      universe = new Map();
      this.#universe.set(partition, universe);
    }
    const name = nameOf(entry.dot);
    const known = universe.get(name);
    if (known === undefined) universe.set(name, entry);
    else if (known.hash !== entry.hash) {
      this.#options.violations.report(
        'I5 one dot, one content; contiguous positions',
        `${region} partition ${partition}: ${name} has two contents`,
      );
    }
  }

  /**
   * Compares what a region shows with what its log demands. Only meaningful, and only done, when the whole
   * log was followed and nothing is in flight. `everybodyHas`: whether all members have applied a dot, if
   * that is known.
   */
  judgeState(
    region: string,
    partition: InspectedPartition,
    everybodyHas: (dot: Dot) => boolean | undefined,
  ): boolean {
    const log = this.log(region, partition.number);
    if (partition.tail() !== log.entries.length || !partition.isQuiet()) return false;
    const { violations, isUnique } = this.#options;
    const where = `${region} partition ${partition.number}`;
    if (!partition.vector.equals(log.vector)) {
      violations.report(
        'I1 equal vectors, equal state',
        `${where} says [${partition.vector}], its log [${log.vector}]`,
      );
    }
    for (const [key, model] of log.items) {
      const item = partition.lookup(key);
      if (isUnique === true) judgeClaim(`${where} ${key}`, item, model, violations);
      const state = item?.state ?? EMPTY_ITEM;
      judgeConflicts(`${where} ${key}`, state, model, violations);
      if (model.wasJudgedWith(state)) continue;
      judgeItem(`${where} ${key}`, { state, model, everybodyHas }, violations);
    }
    return true;
  }
}

/** What is wrong with an operation of a region's own, given what was visible there; undefined for nothing. */
function problemOf(
  operation: ItemOperation,
  visible: ModelPut | undefined,
  log: RegionLog,
  lifetimes: Lifetimes,
): string | undefined {
  const atMs = simulatedMs(operation.time);
  if (operation.kind === 'expire') {
    return lifetimes.mayBeOver(visible, atMs) ? undefined : `expires ${nameOf(visible?.dot)} before its time`;
  }
  const was = `visible was ${visible?.incarnation ?? 'none'}`;
  if (operation.kind === 'delete') {
    if (visible !== undefined && operation.incarnations.includes(visible.incarnation)) return undefined;
    return `deletes [${operation.incarnations}], ${was}`;
  }
  // Ending conflicts is about no incarnation.
  if (operation.kind === 'settle' || operation.kind === 'refer') return undefined;
  const isFresh = !log.incarnations.has(operation.incarnation);
  const isSame = operation.incarnation === visible?.incarnation;
  const mayBeFresh = visible === undefined || lifetimes.mayBeOver(visible, atMs);
  const mayBeSame = !lifetimes.isOver(visible, atMs);
  const isRight = (mayBeFresh && isFresh) || (mayBeSame && isSame);
  return isRight ? undefined : `writes ${operation.incarnation}, ${was}`;
}

/** What gives way to others is not visible, and nothing else is hidden. */
function judgeClaim(
  where: string,
  item: ReturnType<InspectedPartition['lookup']>,
  model: ModelItem,
  violations: Violations,
): void {
  if ((item?.visible === undefined) === (model.visible === undefined)) return;
  violations.report(
    'I10 one visible item for each unique value',
    `${where} shows ${nameOf(item?.visible?.dot)}, its log says ${nameOf(model.visible?.dot)}`,
  );
}

interface ItemJudgement {
  readonly state: ItemState;
  readonly model: ModelItem;
  readonly everybodyHas: (dot: Dot) => boolean | undefined;
}

function judgeItem(
  where: string,
  { state, model, everybodyHas }: ItemJudgement,
  violations: Violations,
): void {
  const shown = visiblePut(state);
  if (!isSamePut(shown, model.candidate)) {
    violations.report(
      'I7 visible is a function of the set of operations',
      `${where} shows ${nameOf(shown?.dot)}, its log says ${nameOf(model.candidate?.dot)}`,
    );
  }
  for (const sibling of state.siblings) {
    if (model.maximal.some((put) => isSamePut(sibling, put))) continue;
    if (sibling.patch?.merged !== undefined && isSamePut(sibling, model.candidate)) continue;
    violations.report(
      'I1 equal vectors, equal state',
      `${where} keeps ${nameOf(sibling.dot)}, which is not maximal`,
    );
  }
  for (const mark of state.dead) {
    if (model.dead.has(mark.incarnation)) continue;
    violations.report('I1 equal vectors, equal state', `${where} holds ${mark.incarnation} for dead`);
  }
  const gone: Dot[] = [];
  for (const put of model.maximal) if (!state.siblings.some((one) => isSamePut(one, put))) gone.push(put.dot);
  for (const [incarnation, deletes] of model.dead) {
    if (!state.dead.some((mark) => mark.incarnation === incarnation)) gone.push(...deletes);
  }
  let isCertain = true;
  for (const dot of gone) {
    const isEverywhere = everybodyHas(dot);
    if (isEverywhere === undefined) isCertain = false;
    if (isEverywhere === false) {
      violations.report('I18 only what everybody has is collected', `${where} collected ${nameOf(dot)}`);
    }
  }
  if (isCertain) model.judged(state);
}

/** I13: open are the losers of all conflicts, but for those that somebody dealt with. */
function judgeConflicts(where: string, state: ItemState, model: ModelItem, violations: Violations): void {
  const expected = model.conflicts().map((name) => (model.referred.has(name) ? `${name}*` : name));
  const open = conflictsOf(state, model.isSuppressed).map(({ dot, isReferred }) =>
    isReferred ? `${nameOf(dot)}*` : nameOf(dot),
  );
  if (isSameList(open.sort(), expected)) return;
  violations.report(
    'I13 conflicts are what lost and was not dealt with',
    `${where} has [${open}] open, its log says [${expected}]`,
  );
}

function isSamePut(one: StoredPut | undefined, other: ModelPut | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  if ((one.patch?.merged !== undefined) !== (other.parts !== undefined)) return false;
  if (other.parts !== undefined) return isSameMerger(one, other);
  return (
    one.dot.origin === other.dot.origin &&
    one.dot.n === other.dot.n &&
    one.time === other.time &&
    one.incarnation === other.incarnation &&
    one.priority === other.priority &&
    Buffer.compare(one.body, other.body) === 0
  );
}

/** The same patches, and the same item made of them. */
function isSameMerger(one: StoredPut, other: ModelPut): boolean {
  const names = (dots: readonly Dot[] | undefined) => (dots ?? []).map(nameOf).sort();
  return (
    isSameList(names(one.patch?.merged), names(other.parts)) &&
    isDeepStrictEqual(withoutSystem(one), withoutSystem(other))
  );
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, place) => name === other[place]);
}
