import type { Put } from '../../src/merge/index.ts';
import { type CausalOperation, checkCausal } from '../checkers/causal-history.ts';
import {
  linearizabilityViolation,
  type RegisterOperation,
  stalenessViolation,
} from '../checkers/register-history.ts';
import { checkSession, type SessionOperation, type Version } from '../checkers/session-history.ts';
import { checkSnapshot, type SeenItem } from '../checkers/snapshot-history.ts';
import { demandOf, type OperationRecord } from './client-history.ts';
import { isMade } from './container-under-test.ts';
import { itemValue } from './item-value.ts';
import type { Ledger } from './ledger.ts';
import { nameOf } from './model-item.ts';
import type { LoggedChange } from './region-log.ts';
import { BOUND, isTimeCausal, type Swarm } from './swarm.ts';
import type { Violations } from './violations.ts';

export interface ClientChecks {
  readonly records: readonly OperationRecord[];
  readonly swarm: Swarm;
  readonly ledger: Ledger;
  readonly violations: Violations;
  /** How often a region lost its disk, with all that it had promised and not passed on. */
  readonly wipes: (region: string) => number;
}

/**
 * Judges the history by what clients alone could know, apart from a few facts of the logs: what the account's
 * level promises them. The promises hold for each partition set by itself.
 */
export function judgeLevel({ records: all, swarm, ledger, violations, wipes }: ClientChecks): void {
  const records = all.filter(({ isVoid }) => !isVoid);
  const writer = swarm.regions[0] ?? '';
  const isSingle = swarm.account !== 'multi';
  // Where the only region that writes lost its disk, writes that nobody else had are lost, tokens and all.
  if (isSingle && swarm.account !== 'strong' && wipes(writer) > 0) return;
  for (const partition of ledger.partitions()) {
    const here = records.filter((record) => record.partition === partition);
    const changes = new Map<string, LoggedChange>();
    for (const change of ledger.changes(partition)) {
      if (change.operation.kind === 'put') changes.set(valueIn(change), change);
    }
    if (swarm.tokens === 'own') judgeSessions(here, changes, { swarm, violations, wipes });
    judgeTransactions(here, ledger.changes(partition), violations);
    if (swarm.account === 'strong') {
      const problem = linearizabilityViolation(here.flatMap((record) => registerOf(record)));
      if (problem !== undefined) violations.report('I16 what the level promises', problem);
    }
    if (swarm.account === 'bounded') {
      const log = ledger.log(writer, partition);
      const positions = new Map<string, number>();
      for (const { changes: ofEntry } of log.entries) {
        for (const one of ofEntry) if (one.operation.kind === 'put') positions.set(valueIn(one), one.lsn);
      }
      const operations = here.flatMap((record) => registerOf(record, positions));
      const problem = stalenessViolation(operations, BOUND);
      if (problem !== undefined) violations.report('I16 what the level promises', problem);
    }
  }
}

/** Transactions are in the logs whole or not at all, and who reads several items at once sees them so. */
function judgeTransactions(
  records: readonly OperationRecord[],
  changes: Iterable<LoggedChange>,
  violations: Violations,
): void {
  const puts = new Map<string, Put>();
  const keysOf = new Map<string, string[]>();
  for (const change of changes) {
    if (change.operation.kind !== 'put') continue;
    puts.set(valueIn(change), change.operation);
    const name = nameOf(change.operation.dot);
    const keys = keysOf.get(name);
    if (keys === undefined) keysOf.set(name, [change.key]);
    else keys.push(change.key);
  }
  const byName = new Map([...puts.values()].map((put) => [nameOf(put.dot), put]));
  const isLater = (_: string, later: string, earlier: string) => {
    const [one, other] = [byName.get(later), byName.get(earlier)];
    if (one === undefined || other === undefined) return false;
    // Concurrent writes have their winner; of one transaction that lost, another item may have won.
    return one.context.covers(other.dot) || !other.context.covers(one.dot);
  };
  const batches = new Map<number, OperationRecord[]>();
  for (const record of records) {
    const { batch } = record.request;
    if (batch !== undefined) batches.set(batch, [...(batches.get(batch) ?? []), record]);
  }
  for (const [batch, parts] of batches) {
    const written = parts.flatMap(({ request }) => (request.value === undefined ? [] : [request.value]));
    const dots = new Set(written.map((value) => nameOf(puts.get(value)?.dot)));
    if (dots.size > 1) {
      violations.report('I14 transactions are whole', `batch ${batch} is in the logs as ${[...dots]}`);
    }
    if (written.length > 0) continue;
    const seen = parts.flatMap(({ key, outcome }): SeenItem[] => {
      const put = outcome?.kind === 'ok' ? puts.get(outcome.value ?? '') : undefined;
      return put === undefined ? [] : [{ key, transaction: nameOf(put.dot) }];
    });
    for (const problem of checkSnapshot(seen, { keysOf: (name) => keysOf.get(name) ?? [], isLater })) {
      violations.report('I14 transactions are whole', `batch ${batch}: ${problem}`);
    }
  }
}

function judgeSessions(
  records: readonly OperationRecord[],
  changes: ReadonlyMap<string, LoggedChange>,
  { swarm, violations, wipes }: Pick<ClientChecks, 'swarm' | 'violations' | 'wipes'>,
): void {
  const versionOf = (value: string): Version | undefined => {
    const operation = changes.get(value)?.operation;
    return operation && { ...operation.dot, context: new Map(operation.context.entries()) };
  };
  const isAllThere = swarm.regions.every((region) => wipes(region) === 0);
  const sessions = new Map<number, SessionOperation[]>();
  for (const record of records) {
    const { session } = record.request;
    const operation = sessionOperation(record);
    if (operation === undefined) continue;
    // What only a lost disk held is known to those who were told, and to nobody else; what a lost hub had
    // made, another one makes again.
    const version = operation.version ?? '';
    if (!isAllThere && (!changes.has(version) || isMade(version))) continue;
    const operations = sessions.get(session);
    if (operations === undefined) sessions.set(session, [operation]);
    else operations.push(operation);
  }
  for (const operations of sessions.values()) {
    for (const problem of checkSession(operations, versionOf)) {
      violations.report('session guarantees', problem);
    }
  }
  // What has unique values may give way to others at any time, and be found missing.
  const mayVanish = swarm.uniqueValues > 0 || swarm.defaultTtl !== undefined;
  // All writes of an item have one order only where the latest hybrid time wins and nothing is deleted: a
  // delete ends the winner that it saw, and an earlier write of another incarnation shows again.
  const isTotallyOrdered =
    swarm.conflicts === 'lastWriter' &&
    swarm.conflictPath === '/_ts' &&
    isTimeCausal(swarm) &&
    swarm.mix.delete === 0 &&
    !mayVanish;
  const causal = records.flatMap((record) => causalOperation(record, mayVanish));
  for (const problem of checkCausal(causal, { isTotallyOrdered })) {
    violations.report('causal consistency', problem);
  }
}

function sessionOperation({ request, key, rangeId, outcome }: OperationRecord): SessionOperation | undefined {
  if (outcome?.kind !== 'ok') return undefined;
  const demand = demandOf(outcome.token, rangeId);
  if (demand === undefined) return undefined;
  return {
    session: String(request.session),
    kind: request.kind === 'read' ? 'read' : 'write',
    key,
    vector: new Map(demand.entries()),
    version: request.kind === 'read' ? outcome.value : request.value,
  };
}

function causalOperation({ request, key, outcome }: OperationRecord, mayVanish: boolean): CausalOperation[] {
  const session = String(request.session);
  const { kind, value } = request;
  if (outcome === undefined || outcome.kind === 'refused') {
    const isMissing = outcome?.kind === 'refused' && outcome.code === 'NotFound' && kind === 'read';
    return isMissing && !mayVanish ? [{ session, kind, key, value: undefined, isAcknowledged: true }] : [];
  }
  const isAcknowledged = outcome.kind === 'ok';
  if (kind === 'read') {
    // What a merge procedure made was written by no session.
    if (outcome.kind === 'ok' && isMade(outcome.value ?? '')) return [];
    return isAcknowledged ? [{ session, kind, key, value: outcome.value, isAcknowledged }] : [];
  }
  return [{ session, kind: kind === 'delete' ? kind : 'write', key, value, isAcknowledged }];
}

/**
 * The request as one on a register: values by the number in them, or by their places in a log where these are
 * given; what is in no log never happened.
 */
function registerOf(
  { request, key, region, outcome, invokedAtMs, completedAtMs }: OperationRecord,
  positions?: ReadonlyMap<string, number>,
): RegisterOperation[] {
  const number = (value: string | undefined) =>
    value === undefined ? undefined : (positions?.get(value) ?? Number(value.slice(1)));
  const common = { key, region, startMs: invokedAtMs, isVoid: false };
  if (request.kind === 'read') {
    const isMissing = outcome?.kind === 'refused' && outcome.code === 'NotFound';
    if (outcome?.kind !== 'ok' && !isMissing) return [];
    const value = number(outcome.kind === 'ok' ? outcome.value : undefined);
    return [{ ...common, kind: 'read', endMs: completedAtMs, value }];
  }
  const { value } = request;
  if (value === undefined || outcome?.kind === 'refused') return [];
  if (positions !== undefined && !positions.has(value)) return [];
  const endMs = outcome?.kind === 'ok' ? completedAtMs : Number.POSITIVE_INFINITY;
  const place = positions === undefined ? {} : { position: Number(number(value)) };
  return [{ ...common, kind: 'write', endMs, value: number(value), ...place }];
}

function valueIn({ operation }: LoggedChange): string {
  return operation.kind === 'put' ? itemValue(operation.body) : '';
}
