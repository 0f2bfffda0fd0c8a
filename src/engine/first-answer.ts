import { DatabaseError, type ErrorCode } from '../errors/index.ts';
import type { Runtime } from '../runtime/index.ts';

/** After which the next region is asked too. Most round trips on Earth are shorter. */
const SILENCE_MS = 250;

/**
 * The first answer of several regions, asked in order: the next one when one cannot answer, or is silent for
 * a while. To wait for each to be given up would use up the time that the operation has. Undefined when all
 * failed with one of `unanswered`.
 * @throws what another failure says: it is an answer too.
 */
export function firstAnswer<A>(
  runtime: Pick<Runtime, 'after'>,
  asks: readonly (() => Promise<A>)[],
  unanswered: readonly ErrorCode[],
): Promise<A | undefined> {
  return new Promise((resolve, reject) => {
    let [asked, silent] = [0, 0];
    let cancel = () => {};
    const settle = (end: () => void) => {
      cancel();
      asked = asks.length;
      end();
    };
    const askNext = () => {
      cancel();
      const ask = asks[asked];
      if (ask === undefined) return;
      asked += 1;
      cancel = runtime.after(SILENCE_MS, askNext);
      ask().then(
        (answer) => settle(() => resolve(answer)),
        (error: unknown) => {
          const isUnanswered = error instanceof DatabaseError && unanswered.includes(error.code);
          silent += 1;
          if (!isUnanswered) settle(() => reject(error));
          else if (silent === asks.length) settle(() => resolve(undefined));
          else askNext();
        },
      );
    };
    if (asks.length === 0) resolve(undefined);
    askNext();
  });
}
