import type { ItemOperation } from '../../src/merge/index.ts';
import { isMade } from './container-under-test.ts';
import { itemValue } from './item-value.ts';
import type { Ledger } from './ledger.ts';
import { nameOf, visibleOf } from './model-item.ts';
import type { LoggedEntry } from './region-log.ts';
import type { Swarm } from './swarm.ts';
import type { Violations } from './violations.ts';

export interface ConflictJudgement {
  readonly ledger: Ledger;
  readonly swarm: Swarm;
  readonly violations: Violations;
}

/** Of so many writes it is worked out anew what their origin saw lose. */
const RECOMPUTED_MAX = 150;

/** Judges how conflicts were found and decided, at the end, when every region has everything. */
export function judgeConflicts(judgement: ConflictJudgement): void {
  const { swarm, ledger } = judgement;
  if (swarm.conflicts === 'lastWriter') return;
  for (const partition of ledger.partitions()) {
    // What only a lost disk held has no effect any more.
    const { entries } = ledger.log(swarm.regions[0] ?? '', partition);
    if (swarm.conflicts === 'procedure') judgeDecisions(entries, judgement);
    // What gives way to other items for its unique values is carried too, whether it lost here or not.
    if (swarm.uniqueValues === 0) judgeLosers(entries, judgement);
  }
}

/** I12: what the procedure writes is there once, together with the end of the conflict that it is about. */
function judgeDecisions(entries: readonly LoggedEntry[], { violations }: ConflictJudgement): void {
  const report = (message: string) => violations.report('I12 a merge procedure decides once', message);
  const made = new Set<string>();
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
        if (operation.kind === 'refer') referred.add(conflict);
        if (referred.has(conflict)) continue;
        if (settled.has(conflict)) report(`${name} ends the conflict of ${conflict} again`);
        settled.add(conflict);
      }
    }
    for (const { operation } of changes) {
      if (operation.kind !== 'put') continue;
      const value = itemValue(operation.body);
      if (!isMade(value)) continue;
      if (made.has(value)) report(`${value} was made twice, the second time by ${name}`);
      made.add(value);
      if (!doesEnd) report(`${name} makes ${value} and ends no conflict`);
    }
  }
}

/** I13: a write carries along what its origin saw lose, no more and no less. */
function judgeLosers(entries: readonly LoggedEntry[], { violations }: ConflictJudgement): void {
  const ofKey = new Map<string, ItemOperation[]>();
  let writes = 0;
  for (const { changes } of entries) {
    for (const { key, operation } of changes) {
      const operations = ofKey.get(key);
      if (operations === undefined) ofKey.set(key, [operation]);
      else operations.push(operation);
      writes += 1;
    }
  }
  const step = Math.max(1, Math.floor(writes / RECOMPUTED_MAX));
  let place = 0;
  for (const [key, operations] of ofKey) {
    for (const one of operations) {
      if (place++ % step !== 0 || one.kind === 'settle' || one.kind === 'refer') continue;
      const seen = operations.filter(({ dot }) => one.context.covers(dot));
      const expected = visibleOf(seen).losers;
      const carried = (one.losers ?? []).map(({ dot }) => nameOf(dot)).sort();
      if (String(carried) === String(expected)) continue;
      violations.report(
        'I13 conflicts are what lost and was not dealt with',
        `${nameOf(one.dot)} of ${key} carries [${carried}], its origin saw [${expected}] lose`,
      );
    }
  }
}
