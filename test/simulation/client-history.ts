import { VersionVector } from '../../src/causality/index.ts';
import type { ErrorCode } from '../../src/errors/index.ts';
import type { Lsn, PartitionNumber } from '../../src/log/index.ts';
import { formatEtag } from '../../src/resource/index.ts';
import { isMade } from './container-under-test.ts';
import { itemValue } from './item-value.ts';
import type { Ledger } from './ledger.ts';
import { nameOf } from './model-item.ts';
import { fateOf, type ModelPut } from './reference.ts';
import type { LoggedChange, RegionLog } from './region-log.ts';
import type { ClientRequest } from './region-under-test.ts';
import type { Violations } from './violations.ts';

export type Outcome =
  | {
      readonly kind: 'ok';
      readonly etag: string | undefined;
      readonly value: string | undefined;
      readonly token: string;
      /** Of a read that found a list: its elements. */
      readonly list?: readonly string[];
    }
  | { readonly kind: 'refused'; readonly code: ErrorCode }
  /** The region crashed, or took too long: the write may or may not have happened. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** One request of one client, with what the client knew before and after. */
export interface OperationRecord {
  readonly number: number;
  readonly region: string;
  /** How often the region had lost its disk by then. */
  readonly wipes: number;
  /** Whether the region did not know yet that its disk is a copy from earlier: it cannot promise anything. */
  readonly isVoid: boolean;
  readonly request: ClientRequest;
  readonly partition: PartitionNumber;
  readonly key: string;
  readonly rangeId: string;
  readonly invokedAtMs: number;
  /** The region's durable tail when the request was made. */
  readonly tailBefore: Lsn;
  /** The region's durable tail when the answer came. */
  tailAfter: Lsn;
  completedAtMs: number;
  outcome: Outcome | undefined;
}

/** Failures after which the write has certainly not happened. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BadRequest',
  'NotFound',
  'ReadSessionNotAvailable',
  'OwnerNotFound',
  'Conflict',
  'PreconditionFailed',
  'TooManyRequests',
  'WriteForbidden',
]);

export function isRefusal(code: ErrorCode): boolean {
  return REFUSALS.has(code);
}

/**
 * The demand of a session token on one range; read here with a parser of our own, so that the product's
 * cannot hide.
 */
export function demandOf(token: string, rangeId: string): VersionVector | undefined {
  for (const part of token.split(',')) {
    const [range, position = ''] = part.split(':');
    if (range !== rangeId) continue;
    const locals = position.split('#').slice(2);
    return new VersionVector(
      locals.map((local): [number, number] => [Number(local.split('=')[0]), Number(local.split('=')[1])]),
    );
  }
  return undefined;
}

export interface HistoryJudgement {
  readonly ledger: Ledger;
  readonly violations: Violations;
  readonly regions: readonly string[];
  /** How often a region lost its disk, with all that it had promised until then and not passed on. */
  readonly wipes: (region: string) => number;
  /** Reads with a token that took this long or longer may have been answered by another region. */
  readonly forwardedAfterMs: number;
  /** Whether any read may have been: regions without a read lease ask others. */
  readonly needsLeases: boolean;
}

/** Judges all that clients were told, at the end, when every region has everything. */
export function judgeHistory(records: readonly OperationRecord[], judgement: HistoryJudgement): void {
  judgePuts(records, judgement);
  judgeDeletes(records, judgement);
  const asked = valuesAsked(records);
  for (const record of records) {
    if (record.request.kind === 'read' && isPromise(record, judgement)) judgeRead(record, judgement, asked);
  }
}

/** Values that clients asked to be written. */
export function valuesAsked(records: readonly OperationRecord[]): Set<string> {
  return new Set(records.flatMap(({ request: { value } }) => (value === undefined ? [] : [value])));
}

function isPromise(record: OperationRecord, { wipes }: HistoryJudgement): boolean {
  return record.wipes === wipes(record.region);
}

function describe(record: OperationRecord): string {
  const { kind, value, item } = record.request;
  return `#${record.number} ${kind} ${value ?? ''} of ${item.partitionKey}/${item.id} in ${record.region}`;
}

function judgePuts(records: readonly OperationRecord[], judgement: HistoryJudgement): void {
  const { ledger, violations } = judgement;
  const entries = new Map<string, { entry: LoggedChange; partition: PartitionNumber }>();
  for (const partition of ledger.partitions()) {
    for (const entry of ledger.changes(partition)) {
      if (entry.operation.kind !== 'put') continue;
      const value = itemValue(entry.operation.body);
      const twin = entries.get(value);
      if (isMade(value)) continue;
      if (twin !== undefined) {
        const names = `${nameOf(twin.entry.operation.dot)} and ${nameOf(entry.operation.dot)}`;
        violations.report(
          'I4 nothing out of thin air, nothing twice',
          `${value} was written twice: ${names}`,
        );
      }
      entries.set(value, { entry, partition });
    }
  }
  for (const record of records) {
    const { value } = record.request;
    if (value === undefined || record.outcome === undefined) continue;
    const found = entries.get(value);
    entries.delete(value);
    if (record.outcome.kind === 'refused' && found !== undefined) {
      violations.report(
        'I4 nothing out of thin air, nothing twice',
        `${describe(record)} was refused, yet it happened`,
      );
    } else if (record.outcome.kind === 'ok' && isPromise(record, judgement)) {
      judgeAcknowledgedPut(record, found, judgement);
    }
  }
  for (const value of entries.keys()) {
    violations.report('I4 nothing out of thin air, nothing twice', `nobody wrote ${value}`);
  }
}

function judgeAcknowledgedPut(
  record: OperationRecord,
  found: { readonly entry: LoggedChange; readonly partition: PartitionNumber } | undefined,
  { ledger, violations, regions }: HistoryJudgement,
): void {
  const { outcome } = record;
  if (outcome?.kind !== 'ok') return;
  if (found === undefined) {
    violations.report('I19 acknowledged is durable', `${describe(record)} was acknowledged and is in no log`);
    return;
  }
  const { operation } = found.entry;
  if (found.entry.key !== record.key || found.partition !== record.partition || operation.kind !== 'put') {
    violations.report(
      'I3 acknowledged writes are visible, covered or beaten',
      `${describe(record)} went elsewhere`,
    );
    return;
  }
  const { dot, time } = operation;
  if (outcome.etag !== formatEtag({ origin: dot.origin, n: dot.n, time })) {
    violations.report(
      'I3 acknowledged writes are visible, covered or beaten',
      `${describe(record)} has etag ${outcome.etag}`,
    );
  }
  if (demandOf(outcome.token, record.rangeId)?.covers(dot) !== true) {
    violations.report(
      'I11 session token promise',
      `${describe(record)} got a token without ${nameOf(dot)}: ${outcome.token}`,
    );
  }
  for (const region of regions) {
    const log = ledger.log(region, record.partition);
    const model = log.items.get(record.key);
    if (!log.vector.covers(dot) || model === undefined) {
      violations.report(
        'I3 acknowledged writes are visible, covered or beaten',
        `${describe(record)} is not in ${region}`,
      );
    } else if (fateOf(operation, { ...model, visible: model.candidate }) === undefined) {
      violations.report(
        'I3 acknowledged writes are visible, covered or beaten',
        `${describe(record)} vanished in ${region}`,
      );
    }
  }
}

/**
 * Deletes carry no value, so they are matched by time: each acknowledged one needs an entry of its own that
 * its region wrote between request and answer. Taking requests by their deadlines finds a matching if there
 * is one.
 */
function judgeDeletes(records: readonly OperationRecord[], judgement: HistoryJudgement): void {
  const { ledger, violations } = judgement;
  const deletes = records.filter((record) => record.request.kind === 'delete');
  const taken = new Set<LoggedChange>();
  const acknowledged = deletes.filter((record) => record.outcome?.kind === 'ok');
  for (const record of acknowledged.sort((a, b) => a.tailAfter - b.tailAfter)) {
    if (!isPromise(record, judgement)) continue;
    const { entries } = ledger.log(record.region, record.partition);
    const match = entries
      .slice(record.tailBefore, record.tailAfter)
      .flatMap((entry) => entry.changes)
      .find((entry) => entry.key === record.key && entry.operation.kind === 'delete' && !taken.has(entry));
    if (match === undefined) {
      violations.report(
        'I19 acknowledged is durable',
        `${describe(record)} was acknowledged and is in no log`,
      );
    } else taken.add(match);
  }
  for (const partition of ledger.partitions()) {
    const counts = new Map<string, number>();
    for (const { key, operation } of ledger.changes(partition)) {
      if (operation.kind === 'delete') counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    for (const [key, count] of counts) {
      const asked = deletes.filter(
        (one) => one.key === key && one.partition === partition && one.outcome?.kind !== 'refused',
      ).length;
      if (count > asked) {
        violations.report(
          'I4 nothing out of thin air, nothing twice',
          `${key} was deleted ${count} times, asked for ${asked}`,
        );
      }
    }
  }
}

/** A read shows a state that its region was in between request and answer, and one that covers its token. */
function judgeRead(
  record: OperationRecord,
  { ledger, violations, forwardedAfterMs, needsLeases }: HistoryJudgement,
  asked: ReadonlySet<string>,
): void {
  const { outcome, request, tailBefore, tailAfter } = record;
  if (outcome === undefined || outcome.kind === 'unknown') return;
  if (outcome.kind === 'refused' && outcome.code !== 'NotFound') return;
  const value = outcome.kind === 'ok' ? outcome.value : undefined;
  const demand =
    request.sessionToken === undefined ? undefined : demandOf(request.sessionToken, record.rangeId);
  const { lifetimes } = ledger;
  const matches = (put: ModelPut | undefined) => {
    if (value === undefined) return put === undefined || lifetimes.mayBeOver(put, record.completedAtMs);
    return shownValue(put) === value && !lifetimes.isOver(put, record.invokedAtMs);
  };
  const isShown = (log: RegionLog, from: Lsn, to: Lsn) => {
    const covering = demand === undefined ? 0 : log.firstCovering(demand);
    if (covering === undefined) return false;
    return log.shown(record.key, Math.max(from, covering), to).some(matches);
  };
  const own = ledger.log(record.region, record.partition);
  if (isShown(own, tailBefore, tailAfter)) return;
  const isLate = record.completedAtMs - record.invokedAtMs >= forwardedAfterMs;
  const isForwarded = needsLeases || (demand !== undefined && isLate);
  const anybody = () => ledger.everyLog(record.partition);
  if (isForwarded && anybody().some((log) => isShown(log, 0, Number.POSITIVE_INFINITY))) return;
  // Or by one that lost its disk before anybody had read what it showed.
  const during = { fromMs: record.invokedAtMs, toMs: record.completedAtMs };
  const isKnown = value === undefined || asked.has(value) || isMade(value);
  if (isForwarded && isKnown && ledger.hasUntold(record.partition, during)) return;
  const isStale = own.shown(record.key, tailBefore, tailAfter).some(matches);
  violations.report(
    isStale ? 'I11 session token promise' : 'a read shows what the region had',
    `${describe(record)} gave ${value ?? 'nothing'} (LSN ${tailBefore} to ${tailAfter}` +
      `${demand === undefined ? '' : `, token [${demand}]`})`,
  );
}

function shownValue(put: ModelPut | undefined): string | undefined {
  return put === undefined ? undefined : itemValue(put.body);
}
