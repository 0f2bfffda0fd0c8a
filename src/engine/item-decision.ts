/**
 * What to do with an item, given the one that is visible: the same for a single request, an operation of a
 * transactional batch and whoever else writes items. Pure; every function gives a decision to be taken
 * atomically against the newest state, and what is wrong with it is thrown as a DatabaseError.
 */
import { assert, type Json, type JsonObject } from '../base/index.ts';
import { unixMs } from '../causality/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { etagOf, type Intent, type Stamp, type StoredPut } from '../partition/index.ts';
import {
  applyPatch,
  childSelfLink,
  documentRid,
  formatEtag,
  itemTtl,
  matchPartitionKey,
  ownTtl,
  type PartitionKey,
  type Patch,
  type ReadItem,
  readItem,
  withSystemProperties,
} from '../resource/index.ts';
import { createCharge, replaceCharge } from './charge.ts';
import { type ContainerHandle, priorityOf } from './container-handle.ts';
import type { IndexingChoice, ItemAnswer, Preconditions } from './engine.ts';

export interface ItemDecision {
  readonly status: 200 | 201 | 204;
  readonly intent: Intent;
}

/** Takes a decision on the visible item. */
export type Decide = (visible: StoredPut | undefined) => ItemDecision;

export function decideCreate(handle: ContainerHandle, item: ReadItem, choice: IndexingChoice): Decide {
  return (visible) => {
    if (visible !== undefined) {
      throw new DatabaseError('Conflict', 'Entity with the specified id already exists in the system.');
    }
    return { status: 201, intent: putIntent(handle, item, choice) };
  };
}

export function decideUpsert(
  handle: ContainerHandle,
  item: ReadItem,
  conditions: Preconditions & IndexingChoice,
): Decide {
  return (visible) => {
    if (visible !== undefined) checkMatch(visible, conditions);
    const intent = putIntent(handle, item, conditions);
    return { status: visible === undefined ? 201 : 200, intent };
  };
}

export function decideReplace(
  handle: ContainerHandle,
  item: ReadItem,
  conditions: Preconditions & IndexingChoice,
): Decide {
  return (visible) => {
    checkMatch(requireVisible(visible), conditions);
    return { status: 200, intent: putIntent(handle, item, conditions) };
  };
}

/** `requireCondition` throws when the patch's condition does not hold. */
export function decidePatch(
  handle: ContainerHandle,
  patch: Patch,
  conditions: Preconditions & IndexingChoice,
  requireCondition: (condition: string, item: JsonObject) => void,
): Decide {
  return (visible) => {
    const current = requireVisible(visible);
    checkMatch(current, conditions);
    const item = parseJson(asBuffer(current.body)) as JsonObject;
    if (patch.condition !== undefined) requireCondition(patch.condition, item);
    const { item: changed, edits } = applyPatch(item, patch.operations);
    const read = readItem(Buffer.from(JSON.stringify(changed)));
    return { status: 200, intent: { ...putIntent(handle, read, conditions), edits } };
  };
}

export function decideDelete(conditions: Preconditions): Decide {
  return (visible) => {
    checkMatch(requireVisible(visible), conditions);
    return { status: 204, intent: { kind: 'delete' } };
  };
}

/**
 * The body that is to replace the item with this id and partition key.
 * @throws DatabaseError `BadRequest` or `PartitionKeyMismatch` when it is another item's.
 */
export function readReplacement(
  handle: ContainerHandle,
  body: Buffer,
  target: { readonly id: string; readonly partitionKey: PartitionKey | undefined },
): ReadItem {
  const item = readItem(body);
  if (item.object.id !== target.id) {
    throw new DatabaseError(
      'BadRequest',
      'The id in the body of the item does not match the id in the path.',
    );
  }
  const definition = handle.record.definition.partitionKey;
  matchPartitionKey(definition, { named: target.partitionKey, item: item.object });
  return item;
}

/** @throws DatabaseError `NotFound` */
export function requireVisible(visible: StoredPut | undefined): StoredPut {
  if (visible === undefined) {
    throw new DatabaseError('NotFound', 'Entity with the specified id does not exist in the system.');
  }
  return visible;
}

function putIntent(handle: ContainerHandle, { object, text }: ReadItem, choice: IndexingChoice): Intent {
  const { rid } = handle.record;
  return {
    kind: 'put',
    priority: priorityOf(handle, object),
    keeps: handle.keepsConflicts,
    contestsDeletes: handle.mergeProcedure === undefined ? undefined : true,
    // Without the rule it is a property like any other; but the container may get the rule later.
    ttl: handle.record.definition.defaultTtl === undefined ? ownTtl(object) : itemTtl(object),
    isUnindexed: isLeftOut(handle, choice) ? true : undefined,
    render: (stamp: Stamp) => {
      const itemRid = documentRid(rid, stamp.incarnation, stamp.partition);
      const ts = Math.floor(unixMs(stamp.time) / 1000);
      const self = childSelfLink('document', handle.selfLink, itemRid);
      const body = withSystemProperties(text, { rid: itemRid, self, etag: formatEtag(stamp), ts });
      // The parsed item is at hand here; whoever indexes it would have to parse the text again.
      object._ts = ts;
      return { body, parsed: object };
    },
  };
}

/** Where the policy keeps no entries of any item there is nothing to choose. */
function isLeftOut({ indexing: mode }: ContainerHandle, { indexing }: IndexingChoice): boolean {
  if (mode === 'none' || indexing === 'Include') return false;
  return indexing === 'Exclude' || mode === 'chosen';
}

/** @throws DatabaseError `PreconditionFailed` when the caller wants another version replaced. */
function checkMatch(visible: StoredPut, { ifMatch }: Preconditions): void {
  if (ifMatch === undefined || ifMatch === '*' || ifMatch === etagOf(visible)) return;
  throw new DatabaseError('PreconditionFailed', 'One of the specified pre-condition is not met.');
}

/** Request units of a write. */
export function writeCharge(status: ItemAnswer['status'], oldBytes: number, newBytes: number): number {
  if (status === 201) return createCharge(newBytes);
  return status === 204 ? createCharge(oldBytes) : replaceCharge(Math.max(oldBytes, newBytes));
}

/** `readItem` lets no item through without one. */
export function idOf(item: JsonObject): string {
  assert(typeof item.id === 'string', 'an item that was read has an id');
  return item.id;
}

/** @throws DatabaseError `BadRequest` */
export function parseJson(body: Buffer): Json {
  try {
    return JSON.parse(body.toString('utf8')) as Json;
  } catch (cause) {
    throw new DatabaseError('BadRequest', 'The body of the request is not valid JSON.', { cause });
  }
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
