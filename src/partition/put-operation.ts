import { assert, type JsonObject } from '../base/index.ts';
import type { ItemOperation, Loser, Patch, Put, PutMarks } from '../merge/index.ts';
import {
  applyOperation,
  isUnmarked,
  liveIncarnations,
  losersOf,
  marksOf,
  patchBase,
  visiblePut,
} from '../merge/index.ts';
import type { PathEdit } from '../resource/index.ts';
import type { Intent, Stamp } from './intent.ts';
import { type HeldItem, isSuppressed } from './item-cache.ts';
import type { ItemDraft } from './transaction.ts';

/** An operation, and the item as parsed if that is at hand. */
export interface DraftedOperation {
  readonly operation: ItemOperation;
  readonly parsed?: JsonObject | undefined;
}

/** What the operations of one entry share. */
export type EntryStamp = Pick<ItemOperation, 'dot' | 'context' | 'time'>;

/** What a put says beside its body: see merge's Put. */
interface PutFields extends PutMarks {
  readonly priority: number | undefined;
  readonly ttl?: number | undefined;
}

function putOperation(
  head: EntryStamp,
  fields: PutFields,
  { incarnation, body }: Pick<Put, 'incarnation' | 'body'>,
  patch: Patch | undefined,
  covered: HeldItem | undefined,
): ItemOperation {
  const { priority, ttl } = fields;
  const plain = { kind: 'put' as const, ...head, incarnation, priority, ttl, patch, body };
  if (isUnmarked(fields)) return plain;
  const put = { ...plain, ...marksOf(fields) };
  return fields.keeps === true ? { ...put, losers: keptLosers(covered) } : put;
}

/** Ends what is there. */
function deleteOperation(head: EntryStamp, covered: HeldItem): ItemOperation {
  const incarnations = liveIncarnations(covered.state);
  const losers = keptLosers(covered);
  const deletion = { kind: 'delete' as const, ...head, incarnations };
  return losers === undefined ? deletion : { ...deletion, losers };
}

/** What a write that covers the item must carry along. */
function keptLosers(covered: HeldItem | undefined): readonly Loser[] | undefined {
  if (covered === undefined) return undefined;
  const losers = losersOf(covered.state, isSuppressed(covered));
  return losers.length === 0 ? undefined : losers;
}

/** The merge module's account of a patch; undefined where only whole writes can compete. */
function patchOf(before: HeldItem | undefined, edits: readonly PathEdit[] | undefined): Patch | undefined {
  if (edits === undefined || before === undefined) return undefined;
  const base = patchBase(before.state);
  return base && { base, edits };
}

/** Takes away what is there; see merge's Expiry. */
export function expiryOperation(head: EntryStamp, covered: HeldItem | undefined): ItemOperation {
  const losers = keptLosers(covered);
  const expiry = { kind: 'expire' as const, ...head };
  return losers === undefined ? expiry : { ...expiry, losers };
}

/** What somebody decided on an item, as the operation that it becomes. */
export function intendedOperation(
  head: EntryStamp,
  { before, intent }: { readonly before: HeldItem | undefined; readonly intent: Intent },
  stamp: Stamp,
): DraftedOperation {
  if (intent.kind === 'delete') {
    assert(before !== undefined, 'a delete is decided only on an item that is there');
    return { operation: deleteOperation(head, before) };
  }
  const { incarnation } = stamp;
  const { body, parsed } = intent.render(stamp);
  const patch = patchOf(before, intent.edits);
  return { operation: putOperation(head, intent, { incarnation, body }, patch, before), parsed };
}

/**
 * The operations that a transaction's effect on one item amounts to, in the order in which they apply.
 * `covered`: the item as it is now.
 */
export function draftedOperations(
  head: EntryStamp,
  { endsOld, put, edits, parsed, verdict }: ItemDraft,
  covered: HeldItem | undefined,
): DraftedOperation[] {
  const operations: DraftedOperation[] = [];
  let present = covered;
  if (endsOld) {
    assert(present !== undefined, 'only what was there ends');
    const deletion = deleteOperation(head, present);
    operations.push({ operation: deletion });
    if (put !== undefined) {
      const state = applyOperation(present.state, deletion);
      present = { ...present, state, visible: visiblePut(state) };
    }
  }
  if (put !== undefined) {
    operations.push({ operation: putOperation(head, put, put, patchOf(present, edits), present), parsed });
  }
  if (verdict !== undefined) operations.push({ operation: { ...head, ...verdict } });
  return operations;
}
