import type { AnswerHead } from '../../engine/index.ts';
import { CATALOGUE, DatabaseError } from '../../errors/index.ts';
import type { HttpRefusal, HttpResponse } from '../../runtime/index.ts';
import { commonHeaders, pathText } from './response.ts';

/**
 * Failures in the protocol's form: always a JSON object with a string `message`, or the JS SDK throws a
 * TypeError without a status.
 */

/** Request units of a failure that reached no partition. */
const FAILURE_CHARGE = 1;
/** The JS SDK retries a 429 without any delay when it is told none. */
const RETRY_MS_DEFAULT = 100;

export interface FailedRequest {
  readonly activityId: string;
  readonly target: string;
}

/** Anything but a DatabaseError is our own fault: 500, telling nothing of its inside. */
export function failureResponse(request: FailedRequest, error: unknown): HttpResponse {
  const failure =
    error instanceof DatabaseError
      ? error
      : new DatabaseError('InternalServerError', 'An internal error occurred.');
  const { kind, additionalInfo } = failure;
  const head = headOfFailure(failure);
  const headers = commonHeaders(request, head?.charge ?? FAILURE_CHARGE);
  if (failure.substatus !== undefined) headers.push('x-ms-substatus', String(failure.substatus));
  const retryMs = failure.retryAfterMs ?? (kind.status === 429 ? RETRY_MS_DEFAULT : undefined);
  if (retryMs !== undefined) headers.push('x-ms-retry-after-ms', String(Math.ceil(retryMs)));
  if (head !== undefined) addHead(headers, head);
  const body = {
    code: kind.name,
    message: messageOf(failure, request),
    ...(additionalInfo === undefined ? {} : { additionalErrorInfo: additionalInfo }),
  };
  return { status: kind.status, headers, body: JSON.stringify(body) };
}

/** For requests that were refused before there was one. */
export function refusalResponse(activityId: string, status: HttpRefusal): HttpResponse {
  const error = REFUSALS[status];
  const response = failureResponse({ activityId, target: '' }, new DatabaseError(error.code, error.message));
  return { ...response, status };
}

const REFUSALS = {
  400: { code: 'BadRequest', message: 'The request is not well-formed HTTP.' },
  408: { code: 'RequestTimeout', message: 'The request was not received in time.' },
  413: { code: 'RequestEntityTooLarge', message: 'Request size is too large' },
  431: { code: 'BadRequest', message: 'The request headers are too large.' },
} as const;

/** Clients keep the session tokens of some failures, so what a partition answered carries its position. */
export function headOfFailure(failure: DatabaseError): AnswerHead | undefined {
  return (failure as { head?: AnswerHead }).head;
}

function addHead(headers: string[], head: AnswerHead): void {
  const lsn = String(head.lsn);
  headers.push('x-ms-session-token', head.sessionToken, 'x-ms-content-path', head.containerRid);
  headers.push('x-ms-alt-content-path', pathText(head.containerPath));
  headers.push('x-ms-documentdb-partitionkeyrangeid', head.rangeId, 'lsn', lsn, 'x-ms-cosmos-llsn', lsn);
}

/** The hosted service wraps the reasons of most failures, and client code looks for its wrapping. */
function messageOf({ kind, message }: DatabaseError, { activityId, target }: FailedRequest): string {
  const end = `\r\nActivityId: ${activityId}, Request URI: ${target}`;
  if (kind.status === CATALOGUE.Unauthorized.status || kind.status === CATALOGUE.Forbidden.status)
    return message + end;
  // Faults of a query text are a JSON object already.
  return `Message: ${message.startsWith('{') ? message : JSON.stringify({ Errors: [message] })}${end}`;
}
