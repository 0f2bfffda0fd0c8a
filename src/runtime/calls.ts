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
    const closed = (): void => {
      this.#isClosed = true;
      for (const { fail } of [...this.#pending.values()]) fail();
      onClosed();
    };
    channel.onFrame((frame) => {
      const message = read<Answer>(frame);
      if (message !== undefined) this.#pending.get(message.id)?.settle(message.answer);
      else {
        channel.close();
        closed();
      }
    });
    channel.onClose(closed);
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
    const message = read<Question>(frame);
    if (message === undefined) {
      channel.close();
      onClosed();
      return;
    }
    const { id, question } = message;
    void answer(question).then((given) => channel.send(serialize({ id, answer: given } satisfies Answer)));
  });
  channel.onClose(onClosed);
}

/** Undefined for what is no message: whoever sends that gets no answer, and nothing else comes of it. */
function read<T extends Question | Answer>(frame: Buffer): T | undefined {
  try {
    const message: unknown = deserialize(frame);
    const isMessage = typeof message === 'object' && message !== null && 'id' in message;
    return isMessage ? (message as T) : undefined;
  } catch {
    return undefined;
  }
}
