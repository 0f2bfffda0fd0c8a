import { DatabaseError } from '../errors/index.ts';
import type { ScriptOutcome } from '../script/index.ts';

/** What a caller is told of a script that did not end well: nothing of it was written. */
export function scriptFailure({
  reason,
  message,
  number,
}: Extract<ScriptOutcome, { kind: 'failed' }>): DatabaseError {
  switch (reason) {
    case 'time':
      return new DatabaseError(
        'ScriptTimeout',
        'The script took too long and was ended; nothing was written.',
      );
    case 'memory':
      return new DatabaseError('BadRequest', 'The script used up its memory; nothing was written.');
    case 'crash':
      return new DatabaseError('BadRequest', `The script could not be run to its end: ${message}`);
    case 'exception':
      return new DatabaseError(
        'BadRequest',
        `Encountered exception while executing Javascript. Exception = ${message}`,
        { substatus: number },
      );
  }
}
