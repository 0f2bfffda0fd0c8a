/** One conflict, decided by its container's merge procedure in one transaction of its logical partition. */
import type { Directory, PartitionRecord, ScriptRecord } from '../account/index.ts';
import type { Json, JsonObject } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import {
  epkOf,
  holdersOf,
  type OpenConflict,
  type Partition,
  type TransactionOutcome,
} from '../partition/index.ts';
import { extractPartitionKey, partitionKeyRange } from '../resource/index.ts';
import { SCRIPT_LIMITS, type ScriptOutcome, type ScriptRunner } from '../script/index.ts';
import type { ContainerHandle } from './container-handle.ts';
import { asBuffer, parseJson } from './item-decision.ts';
import { type ScriptScope, ScriptTransaction, type ScriptTransactionOptions } from './script-transaction.ts';

export interface MergeOptions extends ScriptTransactionOptions {
  readonly directory: Directory;
  readonly runner: ScriptRunner;
}

/** A conflict, and where it is. */
export interface PlacedConflict extends OpenConflict {
  readonly handle: ContainerHandle;
  readonly record: PartitionRecord;
  readonly partition: Partition;
}

/** What came of one run. `merged`: in the log, together with the end of the conflict. */
export type MergeOutcome =
  | { readonly kind: 'merged'; readonly outcome: TransactionOutcome }
  /** Others wrote what the procedure had read, so nothing was written: it may be run again. */
  | { readonly kind: 'void' }
  /** The conflict is no longer to be decided here: nothing was written. */
  | { readonly kind: 'obsolete' }
  | { readonly kind: 'failed'; readonly reason: Extract<ScriptOutcome, { kind: 'failed' }>['reason'] };

/** The procedure that the container's policy names, by link, id or rid; undefined when there is none now. */
export function findMergeProcedure(directory: Directory, handle: ContainerHandle): ScriptRecord | undefined {
  const link = (handle.mergeProcedure ?? '').replace(/^\/+|\/+$/g, '');
  const named = /^dbs\/([^/]+)\/colls\/([^/]+)\/sprocs\/([^/]+)$/.exec(link);
  if (named === null) return directory.findScript(handle.record.rid, 'storedProcedure', link);
  const [, database = '', container = '', id = ''] = named;
  // The procedure of another container knows nothing of this one's items.
  if (directory.findContainer(database, container)?.rid !== handle.record.rid) return undefined;
  return directory.findScript(handle.record.rid, 'storedProcedure', id);
}

/**
 * Runs `procedure` over one conflict. `mayDecide` is asked in the same step in which everything is written:
 * false when somebody else has dealt with the conflict, or decides conflicts now.
 * @throws DatabaseError when the region cannot write now.
 */
export async function runMergeProcedure(
  options: MergeOptions,
  conflict: PlacedConflict,
  procedure: ScriptRecord,
  mayDecide: () => boolean,
): Promise<MergeOutcome> {
  const { handle, key, loser } = conflict;
  const transaction = new ScriptTransaction(options, scopeOf(conflict));
  let outcome: ScriptOutcome;
  try {
    outcome = await options.runner.run(
      {
        kind: 'procedure',
        source: procedure.definition.body,
        arguments: argumentsOf(conflict, transaction),
        selfLink: handle.selfLink,
        altLink: handle.path,
        limits: SCRIPT_LIMITS,
      },
      (requests) => transaction.answer(requests),
    );
  } catch (error) {
    await transaction.rollBack();
    throw error;
  }
  // There is nobody who would call it again for the rest: it does all, or its run was in vain.
  if (outcome.kind === 'failed' || outcome.hasRefused || !mayDecide()) {
    // What it was given may be gone by the time it asks for more, and then it rightly throws.
    const isVoid = transaction.isOutdated;
    await transaction.rollBack();
    if (outcome.hasRefused) return { kind: 'failed', reason: 'time' };
    if (outcome.kind === 'done') return { kind: 'obsolete' };
    if (outcome.reason === 'exception' && isVoid) return { kind: 'void' };
    return { kind: 'failed', reason: outcome.reason };
  }
  transaction.settle(key, [loser.dot]);
  try {
    return { kind: 'merged', outcome: await transaction.commit() };
  } catch (error) {
    if (error instanceof DatabaseError && error.code === 'RetryWith') return { kind: 'void' };
    // It would be too large the next time too.
    if (error instanceof DatabaseError && error.code === 'RequestEntityTooLarge')
      return { kind: 'failed', reason: 'memory' };
    throw error;
  }
}

/**
 * `incomingItem, existingItem, isTombstone, conflictingItems`, as the documentation of merge procedures has
 * them: the losing write comes to the items as they are, its own and those that have its unique values.
 */
function argumentsOf(conflict: PlacedConflict, transaction: ScriptTransaction): Json[] {
  const { key, loser, partition } = conflict;
  const incoming = itemOf(loser.body);
  const visible = transaction.get(key);
  const others: JsonObject[] = [];
  for (const holder of holdersOf(partition, conflict)) {
    const put = transaction.get(holder);
    if (put !== undefined) others.push(itemOf(put.body));
  }
  if (visible === undefined) {
    return [incoming, null, loser.isTombstone === true || others.length === 0, others];
  }
  const existing = itemOf(visible.body);
  // What it was a version of is gone; another item has its id by now.
  if (loser.isTombstone === true) return [incoming, null, true, [existing, ...others]];
  // Of two creates neither is a version of the other.
  return loser.isCreate
    ? [incoming, null, false, [existing, ...others]]
    : [incoming, existing, false, others];
}

function scopeOf({ handle, record, partition, key: itemKey, loser }: PlacedConflict): ScriptScope {
  const definition = handle.record.definition.partitionKey;
  const key = extractPartitionKey(definition, itemOf(loser.body));
  return {
    ...{ handle, record, partition, key },
    epk: epkOf(itemKey),
    epkRange: partitionKeyRange(definition, key),
  };
}

function itemOf(body: Uint8Array): JsonObject {
  return parseJson(asBuffer(body)) as JsonObject;
}
