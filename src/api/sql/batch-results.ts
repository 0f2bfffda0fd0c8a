import type { BatchResult } from '../../engine/index.ts';
import type { DatabaseError } from '../../errors/index.ts';

/** The answers to single operations of a batch or bulk request, as elements of one JSON list. */

/** Request units of an operation that reached no partition. */
export const FAILURE_CHARGE = 1;

/** Appends the JSON text of one result. `isShort`: the client does not want the item back. */
export function addResult(pieces: (Buffer | string)[], result: BatchResult, isShort: boolean): void {
  if (result === 'failed dependency') {
    pieces.push('{"statusCode":424,"requestCharge":0}');
    return;
  }
  if ('error' in result) {
    pieces.push(JSON.stringify(failureOf(result.error)));
    return;
  }
  const { status, charge, etag, body } = result;
  pieces.push(`{"statusCode":${status},"requestCharge":${charge}`);
  if (etag !== undefined) pieces.push(`,"eTag":${JSON.stringify(etag)}`);
  if (body !== undefined && !isShort) pieces.push(',"resourceBody":', body);
  pieces.push('}');
}

function failureOf(error: DatabaseError): Record<string, unknown> {
  const { status, substatus } = error.kind;
  return {
    statusCode: status,
    requestCharge: FAILURE_CHARGE,
    ...(substatus === undefined ? {} : { subStatusCode: substatus }),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMilliseconds: Math.ceil(error.retryAfterMs) }),
    message: error.message,
  };
}
