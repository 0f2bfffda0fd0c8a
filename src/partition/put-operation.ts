import type { ItemOperation, Loser, Patch, Put } from '../merge/index.ts';
import { liveIncarnations, losersOf, patchBase } from '../merge/index.ts';
import type { PathEdit } from '../resource/index.ts';
import type { HeldItem } from './item-cache.ts';

/** What the operations of one entry share. */
export type EntryStamp = Pick<ItemOperation, 'dot' | 'context' | 'time'>;

/** What a put says beside its body: see merge's Put. */
interface PutFields {
  readonly priority: number | undefined;
  readonly ttl?: number | undefined;
  readonly keeps?: true | undefined;
}

export function putOperation(
  head: EntryStamp,
  { priority, ttl, keeps }: PutFields,
  { incarnation, body }: Pick<Put, 'incarnation' | 'body'>,
  patch: Patch | undefined,
  covered: HeldItem | undefined,
): ItemOperation {
  const put = { kind: 'put' as const, ...head, incarnation, priority, ttl, patch, body };
  return keeps === true ? { ...put, keeps, losers: keptLosers(covered) } : put;
}

/** Ends what is there. */
export function deleteOperation(head: EntryStamp, covered: HeldItem): ItemOperation {
  const incarnations = liveIncarnations(covered.state);
  const losers = keptLosers(covered);
  const deletion = { kind: 'delete' as const, ...head, incarnations };
  return losers === undefined ? deletion : { ...deletion, losers };
}

/** What a write that covers the item must carry along. */
function keptLosers(covered: HeldItem | undefined): readonly Loser[] | undefined {
  if (covered === undefined || covered.state.siblings.length < 2) return undefined;
  const losers = losersOf(covered.state);
  return losers.length === 0 ? undefined : losers;
}

/** The merge module's account of a patch; undefined where only whole writes can compete. */
export function patchOf(
  before: HeldItem | undefined,
  edits: readonly PathEdit[] | undefined,
): Patch | undefined {
  if (edits === undefined || before === undefined) return undefined;
  const base = patchBase(before.state);
  return base && { base, edits };
}
