import { CATALOGUE, type ErrorCode, type ErrorKind } from './catalogue.ts';

export interface ErrorDetails {
  /** How long the caller should wait before it tries again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Machine-readable extra text; the SQL protocol sends it as `additionalErrorInfo`. */
  readonly additionalInfo?: string;
  /** Instead of the one of the catalogue: scripts choose their own. */
  readonly substatus?: number | undefined;
  readonly cause?: unknown;
}

/** The caller's fault or an expected state: never a broken invariant (see `assert`). */
export class DatabaseError extends Error {
  override name = 'DatabaseError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly additionalInfo: string | undefined;
  readonly substatus: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.additionalInfo = details.additionalInfo;
    this.substatus = details.substatus ?? this.kind.substatus;
  }

  get kind(): ErrorKind {
    return CATALOGUE[this.code];
  }
}
