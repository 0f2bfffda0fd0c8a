/**
 * Transactional batches: up to a hundred operations on items of one logical partition as one transaction.
 * Every operation sees what those before it did; the first that fails undoes all.
 */
import type { Directory } from '../account/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { etagOf, itemKey, type Transaction } from '../partition/index.ts';
import {
  completeKey,
  effectivePartitionKey,
  matchPartitionKey,
  type PartitionKey,
  parsePatch,
  type ReadItem,
  readItem,
} from '../resource/index.ts';
import { AnswerError } from './answer-error.ts';
import { LOOKUP_CHARGE, readCharge } from './charge.ts';
import { type ContainerHandle, partitionFor } from './container-handle.ts';
import type { Containers } from './containers.ts';
import type { BatchAnswer, BatchOperation, BatchRequest, BatchResult, ItemAnswer } from './engine.ts';
import {
  asBuffer,
  type Decide,
  decideCreate,
  decideDelete,
  decidePatch,
  decideReplace,
  decideUpsert,
  idOf,
  parseJson,
  readReplacement,
  requireVisible,
  writeCharge,
} from './item-decision.ts';
import type { ItemOperations } from './item-operations.ts';
import { headOf } from './request-gate.ts';

interface BatchOptions {
  readonly directory: Directory;
  readonly containers: Containers;
  readonly items: ItemOperations;
}

/** An operation that was looked at as far as that goes without the partition. */
type Prepared =
  | { readonly kind: 'read'; readonly id: string; readonly ifNoneMatch: string | undefined }
  | { readonly kind: 'write'; readonly id: string; readonly decide: Decide }
  | { readonly kind: 'faulty'; readonly error: DatabaseError };

interface Scope {
  readonly handle: ContainerHandle;
  readonly partitionKey: PartitionKey;
  readonly items: ItemOperations;
}

type Success = Extract<BatchResult, { status: unknown }>;

/**
 * @throws DatabaseError for what is wrong with the request as a whole: an item of another partition key, a
 * region that takes no writes, a session token that cannot be reached.
 */
export async function runBatch(options: BatchOptions, request: BatchRequest): Promise<BatchAnswer> {
  const { directory, containers, items } = options;
  const handle = items.owner(request.path, request);
  const definition = handle.record.definition.partitionKey;
  if (request.partitionKey === undefined) {
    throw new DatabaseError('BadRequest', 'PartitionKey value must be supplied for this operation.');
  }
  const partitionKey = completeKey(definition, request.partitionKey);
  const epk = effectivePartitionKey(definition, partitionKey);
  const record = partitionFor(handle, epk);
  const prepared = request.operations.map((operation) => prepare({ handle, partitionKey, items }, operation));
  const { partition } = await items.openForTransaction(handle, record, epk, request);
  containers.requireOpen(record, partition);
  const head = (charge: number) => headOf(directory.state, handle, record, partition, charge);
  const transaction = partition.begin(epk);
  const done: Success[] = [];
  try {
    for (const operation of prepared) done.push(perform(transaction, epk, operation));
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    // What the failure tells must not be taken back by a crash.
    await transaction.rollBack();
    const results = prepared.map((_, place) => (place === done.length ? { error } : 'failed dependency'));
    return { ...head(LOOKUP_CHARGE), isCommitted: false, results };
  }
  try {
    await transaction.commit();
    const charge = done.reduce((sum, each) => sum + each.charge, 0);
    return { ...head(Math.round(charge * 100) / 100), isCommitted: true, results: done };
  } catch (error) {
    throw AnswerError.withHead(error, head(LOOKUP_CHARGE));
  }
}

function prepare(scope: Scope, operation: BatchOperation): Prepared {
  try {
    return prepareOne(scope, operation);
  } catch (error) {
    const isOwnFault = error instanceof DatabaseError && error.code !== 'PartitionKeyMismatch';
    if (isOwnFault) return { kind: 'faulty', error };
    if (!(error instanceof DatabaseError)) throw error;
    throw new DatabaseError(
      'BadRequest',
      'One or more operations within the batch request have a different partition key value than ' +
        'the request.',
    );
  }
}

function prepareOne({ handle, partitionKey, items }: Scope, operation: BatchOperation): Prepared {
  switch (operation.kind) {
    case 'create':
    case 'upsert': {
      const item = readOwn(handle, partitionKey, operation.body);
      const decide =
        operation.kind === 'create' ? decideCreate(handle, item, {}) : decideUpsert(handle, item, operation);
      return { kind: 'write', id: idOf(item.object), decide };
    }
    case 'replace': {
      const { id, body } = operation;
      const item = readReplacement(handle, body, { id, partitionKey });
      return { kind: 'write', id, decide: decideReplace(handle, item, operation) };
    }
    case 'patch': {
      const patch = parsePatch(parseJson(operation.body), handle.keyPaths);
      const check: Parameters<typeof decidePatch>[3] = (condition, item) =>
        items.requireCondition(condition, item, handle);
      return { kind: 'write', id: operation.id, decide: decidePatch(handle, patch, operation, check) };
    }
    case 'delete':
      return { kind: 'write', id: operation.id, decide: decideDelete(operation) };
    case 'read':
      return { kind: 'read', id: operation.id, ifNoneMatch: operation.ifNoneMatch };
  }
}

function readOwn(handle: ContainerHandle, partitionKey: PartitionKey, body: Buffer): ReadItem {
  const item = readItem(body);
  matchPartitionKey(handle.record.definition.partitionKey, { named: partitionKey, item: item.object });
  return item;
}

function perform(transaction: Transaction, epk: string, operation: Prepared): Success {
  if (operation.kind === 'faulty') throw operation.error;
  const key = itemKey(epk, operation.id);
  const visible = transaction.get(key);
  if (operation.kind === 'read') {
    const current = requireVisible(visible);
    const { etag, body } = textOf(current);
    const isUnchanged = operation.ifNoneMatch === etag || operation.ifNoneMatch === '*';
    const status = isUnchanged ? 304 : 200;
    const charge = isUnchanged ? LOOKUP_CHARGE : readCharge(body.length);
    return { status, charge, etag, body: isUnchanged ? undefined : body };
  }
  const oldBytes = visible?.body.length ?? 0;
  const { status, intent } = operation.decide(visible);
  const put = transaction.write(key, intent);
  const charge = writeCharge(status, oldBytes, put?.body.length ?? 0);
  const text = put === undefined ? { etag: undefined, body: undefined } : textOf(put);
  return { status, charge, ...text };
}

function textOf(put: Parameters<typeof etagOf>[0]): Pick<ItemAnswer, 'etag'> & { readonly body: Buffer } {
  return { etag: etagOf(put), body: asBuffer(put.body) };
}
