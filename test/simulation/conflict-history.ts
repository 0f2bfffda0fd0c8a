import type { VersionVector } from '../../src/causality/index.ts';
import type { ItemOperation } from '../../src/merge/index.ts';
import { epkOf } from '../../src/partition/index.ts';
import { isForPeople, isMade } from './container-under-test.ts';
import { itemValue } from './item-value.ts';
import type { Ledger } from './ledger.ts';
import { nameOf, visibleOf } from './model-item.ts';
import type { LoggedEntry, RegionLog } from './region-log.ts';
import type { Swarm } from './swarm.ts';
import { givingWay } from './unique-model.ts';
import type { Violations } from './violations.ts';

export interface ConflictJudgement {
  readonly ledger: Ledger;
  readonly swarm: Swarm;
  readonly violations: Violations;
}

/** What has been made of something made so often is for people. */
const TOO_DEEP = /^[mj]{8}/;
/** Of so many writes it is worked out anew what their origin saw lose. */
const RECOMPUTED_MAX = 150;
/** The same where it takes all items of a logical partition to tell. */
const RECOMPUTED_UNIQUE_MAX = 40;

/**
 * Judges how conflicts were found and decided, at the end, when every region has everything. Returns of how
 * many writes of items that had given way to others it was worked out what they carry.
 */
export function judgeConflicts(judgement: ConflictJudgement): number {
  const { swarm, ledger } = judgement;
  if (swarm.conflicts === 'lastWriter') return 0;
  let givenWay = 0;
  for (const partition of ledger.partitions()) {
    // What only a lost disk held has no effect any more.
    const log = ledger.log(swarm.regions[0] ?? '', partition);
    const { entries } = log;
    if (swarm.conflicts === 'procedure') judgeDecisions(entries, judgement);
    if (swarm.uniqueValues === 0) judgeLosers(entries, judgement);
    // When somebody's clock ends an item, and who then gives way to whom, only the origin knew.
    else if (swarm.defaultTtl === undefined) givenWay += judgeLosersOfRivals(log, judgement);
  }
  return givenWay;
}

/** I12: what the procedure writes is there once, together with the end of the conflict that it is about. */
function judgeDecisions(entries: readonly LoggedEntry[], { violations, swarm }: ConflictJudgement): void {
  const report = (message: string) => violations.report('I12 a merge procedure decides once', message);
  const made = new Set<string>();
  const values = new Map<string, string>();
  const settled = new Set<string>();
  /** For people: several of them may deal with one at the same time. */
  const referred = new Set<string>();
  for (const { dot, changes } of entries) {
    const name = nameOf(dot);
    let doesEnd = false;
    for (const { key, operation } of changes) {
      if (operation.kind !== 'refer' && operation.kind !== 'settle') continue;
      doesEnd ||= operation.kind === 'settle';
      // A transaction may lose in several items: each is a conflict.
      for (const conflict of operation.conflicts.map((one) => `${key} ${nameOf(one)}`)) {
        if (operation.kind === 'refer') {
          referred.add(conflict);
          const value = values.get(conflict) ?? '';
          const isRight = value === '' || isForPeople(value) || TOO_DEEP.test(value);
          if (swarm.uniqueValues === 0 && !isRight)
            report(`${name} leaves ${conflict} to people, which makes ${value}`);
        }
        if (referred.has(conflict)) continue;
        if (settled.has(conflict)) report(`${name} ends the conflict of ${conflict} again`);
        settled.add(conflict);
      }
    }
    for (const { key, operation } of changes) {
      if (operation.kind !== 'put') continue;
      const value = itemValue(operation.body);
      values.set(`${key} ${name}`, value);
      if (!isMade(value)) continue;
      if (made.has(value)) report(`${value} was made twice, the second time by ${name}`);
      made.add(value);
      if (!doesEnd) report(`${name} makes ${value} and ends no conflict`);
    }
  }
}

function operationsByKey(entries: readonly LoggedEntry[]): Map<string, ItemOperation[]> {
  const ofKey = new Map<string, ItemOperation[]>();
  for (const { changes } of entries) {
    for (const { key, operation } of changes) {
      const operations = ofKey.get(key);
      if (operations === undefined) ofKey.set(key, [operation]);
      else operations.push(operation);
    }
  }
  return ofKey;
}

/**
 * I13 with unique keys: what gives way to other items has lost, whoever else it is in conflict with. Of
 * transactions, in which one write can make way for the next, nothing can be told.
 */
function judgeLosersOfRivals(log: RegionLog, { violations }: ConflictJudgement): number {
  const ofKey = operationsByKey(log.entries);
  const alone = log.entries.flatMap(({ changes }) => {
    const [first, ...others] = changes.filter(({ operation }) => operation.kind !== 'expire');
    const { kind } = first?.operation ?? {};
    return first !== undefined && others.length === 0 && (kind === 'put' || kind === 'delete') ? [first] : [];
  });
  // Where the item was not visible when the write came here, it may have given way where it was made, too.
  const likely = alone.filter(({ key, lsn }) => log.shown(key, lsn - 1, lsn - 1)[0] === undefined);
  let givenWay = 0;
  for (const { key, operation } of new Set([...sampleOf(likely), ...sampleOf(alone)])) {
    if (operation.kind !== 'put' && operation.kind !== 'delete') continue;
    const seenOf = (operations: readonly ItemOperation[]) => seenIn(operations, operation.context);
    const rivals = [...ofKey].flatMap(([other, operations]) => {
      const put = epkOf(other) === epkOf(key) ? visibleOf(seenOf(operations)).visible : undefined;
      return put === undefined ? [] : [{ key: other, put }];
    });
    const isSuppressed = givingWay(rivals).has(key);
    if (isSuppressed) givenWay += 1;
    const expected = visibleOf(seenOf(ofKey.get(key) ?? []), isSuppressed).losers;
    judgeCarried(operation, { key, expected }, violations);
  }
  return givenWay;
}

function sampleOf<T>(list: readonly T[]): T[] {
  const step = Math.max(1, Math.floor(list.length / RECOMPUTED_UNIQUE_MAX));
  return list.filter((_, place) => place % step === 0);
}

function seenIn(operations: readonly ItemOperation[], context: VersionVector): ItemOperation[] {
  return operations.filter(({ dot }) => context.covers(dot));
}

/** I13: a write carries along what its origin saw lose, no more and no less. */
function judgeLosers(entries: readonly LoggedEntry[], { violations }: ConflictJudgement): void {
  const ofKey = operationsByKey(entries);
  let writes = 0;
  for (const operations of ofKey.values()) writes += operations.length;
  const step = Math.max(1, Math.floor(writes / RECOMPUTED_MAX));
  let place = 0;
  for (const [key, operations] of ofKey) {
    for (const one of operations) {
      if (place++ % step !== 0 || one.kind === 'settle' || one.kind === 'refer') continue;
      const expected = visibleOf(seenIn(operations, one.context)).losers;
      judgeCarried(one, { key, expected }, violations);
    }
  }
}

function judgeCarried(
  one: Exclude<ItemOperation, { kind: 'settle' | 'refer' }>,
  { key, expected }: { readonly key: string; readonly expected: readonly string[] },
  violations: Violations,
): void {
  const carried = (one.losers ?? []).map(({ dot }) => nameOf(dot)).sort();
  if (String(carried) === String(expected)) return;
  violations.report(
    'I13 conflicts are what lost and was not dealt with',
    `${nameOf(one.dot)} of ${key} carries [${carried}], its origin saw [${expected}] lose`,
  );
}
