/** What a caller who meets the error should do. */
export type Advice =
  | 'fix-request'
  | 'other-replica'
  | 'after-refresh'
  | 'after-delay'
  | 'other-region'
  | 'unknown-outcome'
  | 'report';

/**
 * Every failure a caller may act on. Kinds that call for the same action share one code. `name` is the word
 * that the SQL protocol shows in a body's `code`; other front doors map `status` themselves.
 */
export interface ErrorKind {
  readonly status: number;
  readonly substatus?: number;
  readonly name: string;
  readonly advice: Advice;
}

export const CATALOGUE = {
  BadRequest: { status: 400, name: 'BadRequest', advice: 'fix-request' },
  PartitionKeyMismatch: { status: 400, substatus: 1001, name: 'BadRequest', advice: 'fix-request' },
  CrossPartitionQueryNotServable: { status: 400, substatus: 1004, name: 'BadRequest', advice: 'fix-request' },
  IntendedContainerMismatch: { status: 400, substatus: 1024, name: 'BadRequest', advice: 'after-refresh' },
  Unauthorized: { status: 401, name: 'Unauthorized', advice: 'fix-request' },
  Forbidden: { status: 403, name: 'Forbidden', advice: 'fix-request' },
  WriteForbidden: { status: 403, substatus: 3, name: 'Forbidden', advice: 'other-region' },
  RegionGone: { status: 403, substatus: 1008, name: 'Forbidden', advice: 'other-region' },
  NotFound: { status: 404, name: 'NotFound', advice: 'fix-request' },
  ReadSessionNotAvailable: { status: 404, substatus: 1002, name: 'NotFound', advice: 'other-replica' },
  OwnerNotFound: { status: 404, substatus: 1003, name: 'NotFound', advice: 'fix-request' },
  MethodNotAllowed: { status: 405, name: 'MethodNotAllowed', advice: 'fix-request' },
  RequestTimeout: { status: 408, name: 'RequestTimeout', advice: 'unknown-outcome' },
  ScriptTimeout: { status: 408, name: 'RequestTimeout', advice: 'fix-request' },
  Conflict: { status: 409, name: 'Conflict', advice: 'fix-request' },
  NameCacheStale: { status: 410, substatus: 1000, name: 'Gone', advice: 'after-refresh' },
  PartitionKeyRangeGone: { status: 410, substatus: 1002, name: 'Gone', advice: 'after-refresh' },
  PreconditionFailed: { status: 412, name: 'PreconditionFailed', advice: 'fix-request' },
  RequestEntityTooLarge: { status: 413, name: 'RequestEntityTooLarge', advice: 'fix-request' },
  TooManyRequests: { status: 429, substatus: 3200, name: '429', advice: 'after-delay' },
  StalenessBoundReached: { status: 429, substatus: 3250, name: '429', advice: 'after-delay' },
  RetryWith: { status: 449, name: 'RetryWith', advice: 'after-delay' },
  InternalServerError: { status: 500, name: 'InternalServerError', advice: 'report' },
  NotImplemented: { status: 501, name: 'NotImplemented', advice: 'fix-request' },
  ServiceUnavailable: { status: 503, name: 'ServiceUnavailable', advice: 'other-region' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof CATALOGUE;
