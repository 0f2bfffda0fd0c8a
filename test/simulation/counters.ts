import { visiblePut } from '../../src/merge/index.ts';
import { checkCounter, type Increment } from '../checkers/counter-history.ts';
import type { OperationRecord } from './client-history.ts';
import type { PlanetDriver } from './planet-driver.ts';
import type { ItemName } from './region-under-test.ts';
import type { Violations } from './violations.ts';

/** The item of each logical partition that is made once, and then only counted up by patches. */
export const COUNTER_ID = 'counter';

export function counterOf(partitionKey: string): ItemName {
  return { partitionKey, id: COUNTER_ID };
}

export interface CounterJudgement {
  readonly records: readonly OperationRecord[];
  readonly driver: PlanetDriver;
  readonly violations: Violations;
}

/**
 * At the end, when every region has everything: each counter says how many increments were acknowledged, and
 * perhaps some of those that nobody knows of. How many counters there were.
 */
export function judgeCounters({ records, driver, violations }: CounterJudgement): number {
  const ofCounter = new Map<string, OperationRecord[]>();
  for (const record of records) {
    const { item } = record.request;
    if (item.id !== COUNTER_ID) continue;
    ofCounter.set(item.partitionKey, [...(ofCounter.get(item.partitionKey) ?? []), record]);
  }
  for (const [partitionKey, all] of ofCounter) {
    const increments = all.flatMap((record): Increment[] => {
      if (record.request.kind !== 'patch') return [];
      if (record.outcome?.kind === 'refused') return [{ by: 1, isAcknowledged: false }];
      // What a region promised it may have taken with its disk.
      const isPromise = record.outcome?.kind === 'ok' && record.wipes === driver.wipes(record.region);
      return [{ by: 1, isAcknowledged: isPromise ? true : undefined }];
    });
    const finals = new Map<string, number>();
    for (const { name, region } of driver.open()) {
      const { partition, key } = region.locate(counterOf(partitionKey));
      const state = region.partition(partition)?.lookup(key)?.state;
      const body = state && visiblePut(state)?.body;
      const { count = 0 } = JSON.parse(String(body && Buffer.from(body))) as { readonly count?: number };
      finals.set(name, count);
    }
    for (const problem of checkCounter(increments, finals)) {
      violations.report(
        'I3 acknowledged writes are visible, covered or beaten',
        `${partitionKey}: ${problem}`,
      );
    }
  }
  return ofCounter.size;
}
