import type { ItemOperation, Patch } from '../merge/index.ts';
import { patchBase } from '../merge/index.ts';
import type { PathEdit } from '../resource/index.ts';
import type { HeldItem } from './item-cache.ts';

/** What the operations of one entry share. */
export type EntryStamp = Pick<ItemOperation, 'dot' | 'context' | 'time'>;

/** What a put says beside its body: see merge's Put. */
interface PutFields {
  readonly priority: number | undefined;
  readonly ttl?: number | undefined;
}

export function putOperation(
  head: EntryStamp,
  fields: PutFields & { readonly incarnation: number; readonly body: Uint8Array },
  patch: Patch | undefined,
): ItemOperation {
  const { incarnation, priority, ttl, body } = fields;
  return { kind: 'put', ...head, incarnation, priority, ttl, patch, body };
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
