import { DatabaseError, type ErrorCode, type ErrorDetails } from '../errors/index.ts';
import type { AnswerHead } from './engine.ts';

/**
 * A failed data request that got as far as a partition: clients keep the session token of such errors too.
 */
export class AnswerError extends DatabaseError {
  readonly head: AnswerHead;

  constructor(code: ErrorCode, message: string, head: AnswerHead, details: ErrorDetails = {}) {
    super(code, message, details);
    this.head = head;
  }

  /** The same failure with its position; other errors pass through as they are. */
  static withHead(error: unknown, head: AnswerHead): unknown {
    if (!(error instanceof DatabaseError) || error instanceof AnswerError) return error;
    return AnswerError.#of(error, head);
  }

  /** The same failure, charged `factor` times; errors without a charge pass through as they are. */
  static withCharge(error: unknown, factor: number): unknown {
    if (!(error instanceof AnswerError)) return error;
    return AnswerError.#of(error, { ...error.head, charge: error.head.charge * factor });
  }

  /** The same failure with another session token. */
  static withToken(error: AnswerError, sessionToken: string): AnswerError {
    return AnswerError.#of(error, { ...error.head, sessionToken });
  }

  static #of(error: DatabaseError, head: AnswerHead): AnswerError {
    const { retryAfterMs, additionalInfo, substatus } = error;
    return new AnswerError(error.code, error.message, head, {
      cause: error,
      substatus,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(additionalInfo === undefined ? {} : { additionalInfo }),
    });
  }
}
