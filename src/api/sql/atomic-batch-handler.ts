import type { BatchRequest, BatchOperation as EngineOperation } from '../../engine/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import { parsePartitionKeyHeader, samePartitionKey } from '../../resource/index.ts';
import type { HttpResponse } from '../../runtime/index.ts';
import { type BatchOperation, parseBatch } from './batch-body.ts';
import { addResult } from './batch-results.ts';
import type { Exchange } from './exchange.ts';
import { joinText } from './feed.ts';
import { addContext, containerPath, isMinimal, type Mutable, partitionKeyOf } from './request-headers.ts';
import { dataHeaders } from './response.ts';

/** Of the request's body, in bytes. */
const BATCH_BYTES_MAX = 2 * 1024 * 1024;

/**
 * Transactional batches. The request itself succeeds whatever becomes of it (200, or 207 when an operation
 * failed): clients throw away the results of single operations that come with a status of 400 or above.
 */
export async function handleAtomicBatch(exchange: Exchange): Promise<HttpResponse> {
  const { request, route, service } = exchange;
  if (request.body.length > BATCH_BYTES_MAX) {
    throw new DatabaseError('RequestEntityTooLarge', 'Request size is too large');
  }
  const operations = parseBatch(request.body);
  if (operations.length === 0) {
    throw new DatabaseError('BadRequest', 'A batch request must hold at least one operation.');
  }
  const partitionKey = partitionKeyOf(request);
  for (const { partitionKey: own } of operations) {
    if (own === undefined || partitionKey === undefined) continue;
    if (!samePartitionKey(parsePartitionKeyHeader(own), partitionKey)) {
      throw new DatabaseError(
        'BadRequest',
        'One or more operations within the batch request have a different partition key value than the ' +
          'request.',
      );
    }
  }
  const batch: Mutable<BatchRequest> = {
    path: containerPath(route),
    partitionKey,
    operations: operations.map(engineOperation),
  };
  addContext(request, batch);
  const answer = await service.engine.items.batch(batch);
  const isShort = isMinimal(request);
  const pieces: (Buffer | string)[] = ['['];
  for (const [place, result] of answer.results.entries()) {
    if (place > 0) pieces.push(',');
    addResult(pieces, result, isShort && operations[place]?.type !== 'Read');
  }
  pieces.push(']');
  const headers = dataHeaders(exchange, answer);
  return { status: answer.isCommitted ? 200 : 207, headers, body: joinText(pieces) };
}

function engineOperation(operation: BatchOperation): EngineOperation {
  const { type, id, ifMatch, ifNoneMatch, resourceBody: body } = operation;
  const conditions = {
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
  };
  if (type === 'Create') return { kind: 'create', body, ...conditions };
  if (type === 'Upsert') return { kind: 'upsert', body, ...conditions };
  if (id === undefined) throw new DatabaseError('BadRequest', `The ${type} operation lacks an id.`);
  if (type === 'Read') return { kind: 'read', id, ...conditions };
  if (type === 'Delete') return { kind: 'delete', id, ...conditions };
  return { kind: type === 'Replace' ? 'replace' : 'patch', id, body, ...conditions };
}
