import { DatabaseError } from '../../errors/index.ts';
import { JsonScanner, parseText } from './json-scanner.ts';

const OPERATION_TYPES = ['Create', 'Upsert', 'Read', 'Delete', 'Replace', 'Patch'] as const;
export type BatchOperationType = (typeof OPERATION_TYPES)[number];

export interface BatchOperation {
  readonly type: BatchOperationType;
  /** From the operation, or from the item that it brings. */
  readonly id: string | undefined;
  /** As in the partition-key header: JSON text. */
  readonly partitionKey: string | undefined;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** The bytes that the client sent; empty when it sent none. */
  readonly resourceBody: Buffer;
}

const OPERATIONS_MAX = 100;
const NO_BODY = Buffer.alloc(0);

/** @throws DatabaseError `BadRequest` when the body is not a list of at most 100 operations. */
export function parseBatch(body: Buffer): BatchOperation[] {
  const operations: BatchOperation[] = [];
  const scanner = new JsonScanner(body);
  scanner.elements((element) => {
    operations.push(parseOperation(element));
  });
  scanner.end();
  if (operations.length > OPERATIONS_MAX) {
    throw new DatabaseError(
      'BadRequest',
      `Batch request has more operations than what is supported: ${OPERATIONS_MAX}.`,
    );
  }
  return operations;
}

function parseOperation(text: Buffer): BatchOperation {
  const members: Record<string, string> = {};
  let resourceBody: Buffer = NO_BODY;
  new JsonScanner(text).members((name, value) => {
    // Clients differ in the case of names.
    const key = name.toLowerCase();
    if (key === 'resourcebody') {
      resourceBody = value;
      return;
    }
    const parsed = parseText(value);
    if (typeof parsed === 'string') members[key] = parsed;
  });
  const given = members.operationtype ?? '';
  const type = OPERATION_TYPES.find((known) => known.toLowerCase() === given.toLowerCase());
  if (type === undefined)
    throw new DatabaseError('BadRequest', `The batch operation type '${given}' is not known.`);
  return {
    type,
    id: members.id ?? idWithin(resourceBody),
    partitionKey: members.partitionkey,
    ifMatch: members.ifmatch,
    ifNoneMatch: members.ifnonematch,
    resourceBody,
  };
}

function idWithin(item: Buffer): string | undefined {
  if (item.length === 0 || item[0] !== 0x7b) return undefined;
  let id: unknown;
  new JsonScanner(item).members((name, value) => {
    if (name === 'id') id = parseText(value);
  });
  return typeof id === 'string' ? id : undefined;
}
