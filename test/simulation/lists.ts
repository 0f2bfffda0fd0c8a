import { checkSerializable, type ListTransaction } from '../checkers/transaction-history.ts';
import type { OperationRecord } from './client-history.ts';
import type { ClientRequest, ItemName } from './region-under-test.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Violations } from './violations.ts';

/*
 * Some items of each logical partition are lists: they are made once, and then only transactions append to
 * them and read them, several at a time.
 */

const LISTS = 3;
const PREFIX = 'list';

export function listsOf(partitionKey: string): ItemName[] {
  return Array.from({ length: LISTS }, (_, place) => ({ partitionKey, id: `${PREFIX}${place + 1}` }));
}

export function isList({ id }: ItemName): boolean {
  return id.startsWith(PREFIX);
}

/** The elements of a list's JSON text. */
export function elementsIn(text: string): readonly string[] {
  return (JSON.parse(text) as { readonly list: readonly string[] }).list;
}

export interface ListDraw {
  /** Whatever is the same in all requests. */
  readonly common: ClientRequest;
  readonly random: SeededRandom;
  /** Another one each time. */
  readonly nextValue: () => string;
}

/** One transaction: reads some lists, then appends to some, or only reads. */
export function drawListTransaction({ common, random, nextValue }: ListDraw): ClientRequest[] {
  const lists = listsOf(common.item.partitionKey);
  const some = (fewest: number) => random.shuffled(lists).slice(0, random.integer(fewest, LISTS));
  const plain = { ...common, priority: undefined, ttl: undefined, unique: undefined, ifMatch: undefined };
  const reads = some(2).map((item): ClientRequest => ({ ...plain, kind: 'read', item, value: undefined }));
  if (random.chance(0.3)) return reads;
  const appends = some(1).map(
    (item): ClientRequest => ({ ...plain, kind: 'patch', item, value: nextValue() }),
  );
  return [...reads, ...appends];
}

/**
 * Judges the transactions on lists that one region performed, whose writes have one order. Returns how many
 * there were.
 */
export function judgeLists(records: readonly OperationRecord[], violations: Violations): number {
  const partitions = new Map<string, Map<number, OperationRecord[]>>();
  for (const record of records) {
    const { item, batch } = record.request;
    if (batch === undefined || !isList(item)) continue;
    const batches = partitions.get(item.partitionKey) ?? new Map<number, OperationRecord[]>();
    partitions.set(item.partitionKey, batches);
    batches.set(batch, [...(batches.get(batch) ?? []), record]);
  }
  let judged = 0;
  for (const [partitionKey, batches] of partitions) {
    const history = [...batches].map(([batch, parts]) => transactionOf(batch, parts));
    judged += history.length;
    for (const problem of checkSerializable(history)) {
      violations.report('transactions on lists are serializable', `${partitionKey}: ${problem}`);
    }
  }
  return judged;
}

function transactionOf(batch: number, parts: readonly OperationRecord[]): ListTransaction {
  const isRefused = parts.some(({ outcome }) => outcome?.kind === 'refused');
  const isCommitted = parts.every(({ outcome }) => outcome?.kind === 'ok');
  return {
    name: `batch ${batch}`,
    isCommitted: isCommitted || (isRefused ? false : undefined),
    appends: parts.flatMap(({ request: { item, value } }) =>
      value === undefined ? [] : [{ key: item.id, element: value }],
    ),
    reads: parts.flatMap(({ request: { kind, item }, outcome }) =>
      kind === 'read' && outcome?.kind === 'ok' ? [{ key: item.id, elements: outcome.list ?? [] }] : [],
    ),
  };
}
