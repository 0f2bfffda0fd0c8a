/**
 * Questions and answers over a channel: numbered frames, so that answers may overtake each other. Values are
 * structured clones; buffers arrive as plain byte arrays.
 */
import { deserialize, serialize } from 'node:v8';
import type { Channel } from './network.ts';
import type { Runtime } from './runtime.ts';

interface Question {
  readonly id: number;
  readonly question: unknown;
}

interface Answer {
  readonly id: number;
  readonly answer: unknown;
}

/** No answer came: the channel closed, or the time was up. The other side may have acted or not. */
export class NoAnswerError extends Error {
  override name = 'NoAnswerError';
}

export class Caller {
  readonly #runtime: Runtime;
  readonly #channel: Channel;
  readonly #pending = new Map<number, { settle: (answer: unknown) => void; fail: () => void }>();
  #lastId = 0;
  #isClosed = false;

  /** Takes over the channel's handlers. `onClosed`: the channel is gone. */
  constructor(runtime: Runtime, channel: Channel, onClosed: () => void) {
    this.#runtime = runtime;
    this.#channel = channel;
    channel.onFrame((frame) => {
      const { id, answer } = deserialize(frame) as Answer;
      this.#pending.get(id)?.settle(answer);
    });
    channel.onClose(() => {
      this.#isClosed = true;
      for (const { fail } of [...this.#pending.values()]) fail();
      onClosed();
    });
  }

  /** @throws NoAnswerError after `timeoutMs`, or when the channel closes. */
  call(question: unknown, timeoutMs: number): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new NoAnswerError('the channel is closed'));
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const cancelTimer = this.#runtime.after(timeoutMs, () => this.#pending.get(id)?.fail());
      const end = () => {
        cancelTimer();
        this.#pending.delete(id);
      };
      this.#pending.set(id, {
        settle: (answer) => {
          end();
          resolve(answer);
        },
        fail: () => {
          end();
          reject(new NoAnswerError(`no answer within ${timeoutMs} ms`));
        },
      });
      this.#channel.send(serialize({ id, question } satisfies Question));
    });
  }

  close(): void {
    this.#channel.close();
  }
}

/** Answers the questions of a Caller at the other end. `answer` must not reject: failures are answers. */
export function answerCalls(
  channel: Channel,
  answer: (question: unknown) => Promise<unknown>,
  onClosed: () => void = () => undefined,
): void {
  channel.onFrame((frame) => {
    const { id, question } = deserialize(frame) as Question;
    void answer(question).then((given) => channel.send(serialize({ id, answer: given } satisfies Answer)));
  });
  channel.onClose(onClosed);
}
