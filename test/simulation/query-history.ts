import type { Lsn, PartitionNumber } from '../../src/log/index.ts';
import type { Put } from '../../src/merge/index.ts';
import { itemValue } from './item-value.ts';
import type { Ledger } from './ledger.ts';
import type { Lifetimes } from './lifetimes.ts';
import type { RegionLog } from './region-log.ts';
import type { Violations } from './violations.ts';

/** One query for all items, page by page, with what the region's logs were before and after. */
export interface QueryRecord {
  readonly number: number;
  readonly region: string;
  /** How often the region had lost its disk by then. */
  readonly wipes: number;
  /** When it was asked. */
  readonly sinceMs: number;
  /** When the last page came. */
  readonly atMs: number;
  readonly tailsBefore: ReadonlyMap<PartitionNumber, Lsn>;
  readonly tailsAfter: ReadonlyMap<PartitionNumber, Lsn>;
  /** Values of the items that were found. */
  readonly values: readonly string[];
}

export interface QueryJudgement {
  readonly ledger: Ledger;
  readonly violations: Violations;
  readonly wipes: (region: string) => number;
  /** Whether pages may come from other regions: those without a read lease ask others. */
  readonly needsLeases: boolean;
  /** Values that clients asked to be written. */
  readonly asked: ReadonlySet<string>;
}

/**
 * Pages are read one after the other, each from a state of its own. So an item that stayed the same item all
 * the time is found exactly once, in one of the versions it had meanwhile; one that came, went, or came again
 * under a new incarnation may be found or missed; and nothing else is found.
 */
export function judgeQueries(
  records: readonly QueryRecord[],
  { ledger, violations, wipes, needsLeases, asked }: QueryJudgement,
): void {
  const everShown = needsLeases ? shownAnywhere(ledger) : undefined;
  for (const record of records) {
    if (record.wipes !== wipes(record.region)) continue;
    if (everShown !== undefined) {
      const isTold = !hasUntold(ledger, record);
      const strange = record.values.filter((value) => !everShown.has(value) && (isTold || !asked.has(value)));
      if (strange.length === 0) continue;
      const where = `query #${record.number} in ${record.region}`;
      const message = `${where} found what nobody showed: ${strange.join(' ')}`;
      violations.report('a read shows what the region had', message);
      continue;
    }
    const left = [...record.values];
    for (const [partition, from] of record.tailsBefore) {
      const log = ledger.log(record.region, partition);
      const to = record.tailsAfter.get(partition) ?? from;
      for (const key of log.items.keys()) {
        const problem = judgeKey(log, key, { from, to, left, record, lifetimes: ledger.lifetimes });
        if (problem === undefined) continue;
        const where = `query #${record.number} in ${record.region}, ${partition} LSN ${from} to ${to}`;
        violations.report('a read shows what the region had', `${where}: ${key} ${problem}`);
      }
    }
    if (left.length > 0) {
      const where = `query #${record.number} in ${record.region}`;
      violations.report(
        'a read shows what the region had',
        `${where} found what nobody showed: ${left.join(' ')}`,
      );
    }
  }
}

/** Whether pages may come from a region that lost its disk before anybody read what it had. */
function hasUntold(ledger: Ledger, { sinceMs, atMs }: QueryRecord): boolean {
  return ledger.partitions().some((one) => ledger.hasUntold(one, { fromMs: sinceMs, toMs: atMs }));
}

/** All values that any region ever showed. */
function shownAnywhere(ledger: Ledger): Set<string | undefined> {
  const logs = ledger.partitions().flatMap((partition) => ledger.everyLog(partition));
  const items = logs.flatMap((log) => [...log.items.values()]);
  return new Set(items.flatMap(({ timeline }) => timeline.map(({ put }) => valueIn(put))));
}

interface Window {
  readonly from: Lsn;
  readonly to: Lsn;
  /** Values that were found and not yet explained. */
  readonly left: string[];
  readonly record: QueryRecord;
  readonly lifetimes: Lifetimes;
}

/** Takes what the item explains out of `left`; what is wrong, if anything is. */
function judgeKey(log: RegionLog, key: string, window: Window): string | undefined {
  const { from, to, left, record, lifetimes } = window;
  const states = log.shown(key, from, to);
  const shown = states.filter((put) => !lifetimes.isOver(put, record.sinceMs));
  // Also when one that had expired was written anew meanwhile: it was gone for a part of the time.
  const mayBeMissed = shown.length === 0 || states.some((put) => lifetimes.mayBeOver(put, record.atMs));
  const found: string[] = [];
  for (const value of new Set(shown.map(valueIn))) {
    for (;;) {
      const place = value === undefined ? -1 : left.indexOf(value);
      if (place < 0) break;
      found.push(...left.splice(place, 1));
    }
  }
  const incarnations = new Set(shown.map((put) => put?.incarnation));
  if (found.length > incarnations.size) return `was found ${found.length} times: ${found.join(' ')}`;
  if (mayBeMissed || incarnations.size > 1 || incarnations.has(undefined) || found.length === 1)
    return undefined;
  return `was not found, though it showed ${shown.map(valueIn).join(' ')}`;
}

function valueIn(put: Put | undefined): string | undefined {
  return put === undefined ? undefined : itemValue(put.body);
}
