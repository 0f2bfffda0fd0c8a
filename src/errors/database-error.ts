import { CATALOGUE, type ErrorCode, type ErrorKind } from './catalogue.ts';

export interface ErrorDetails {
  /** How long the caller should wait before it tries again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Machine-readable extra text; the SQL protocol sends it as `additionalErrorInfo`. */
  readonly additionalInfo?: string;
  readonly cause?: unknown;
}

/** The caller's fault or an expected state: never a broken invariant (see `assert`). */
export class DatabaseError extends Error {
  override name = 'DatabaseError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly additionalInfo: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.additionalInfo = details.additionalInfo;
  }

  get kind(): ErrorKind {
    return CATALOGUE[this.code];
  }
}
