/**
 * A read that its own region cannot answer yet (the session token is ahead of it) goes to a region that can.
 * One channel to each region, opened on first use; calls are numbered frames, so answers may overtake each other.
 */
import { deserialize, serialize } from 'node:v8';
import { DatabaseError, type ErrorCode } from '../errors/index.ts';
import type { Channel, Network, NetworkListener, Runtime } from '../runtime/index.ts';
import { AnswerError } from './answer-error.ts';
import type { AnswerHead, FeedAnswer, FeedScope, ItemAnswer, Items, ItemTarget, QueryRequest } from './engine.ts';

export type ForwardedCall =
  | { readonly kind: 'read'; readonly request: ItemTarget }
  | { readonly kind: 'list'; readonly request: FeedScope }
  | { readonly kind: 'query'; readonly request: QueryRequest };

interface CallFrame {
  readonly id: number;
  readonly call: ForwardedCall;
}

interface AnswerFrame {
  readonly id: number;
  readonly answer?: ItemAnswer | FeedAnswer;
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly additionalInfo: string | undefined;
    readonly head: AnswerHead | undefined;
  };
}

/** Asks another region; rejects with `ServiceUnavailable` when it does not answer in time. */
export interface Forwarder {
  call(region: string, call: ForwardedCall): Promise<ItemAnswer | FeedAnswer>;
  close(): void;
}

export interface ForwarderOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly addressOf: (region: string) => string | undefined;
  readonly timeoutMs: number;
}

interface PendingCall {
  readonly resolve: (answer: ItemAnswer | FeedAnswer) => void;
  readonly reject: (error: DatabaseError) => void;
  readonly cancelTimer: () => void;
}

export function createForwarder(options: ForwarderOptions): Forwarder {
  const lines = new Map<string, Line>();
  return {
    call(region, call) {
      let line = lines.get(region);
      if (line === undefined) {
        line = new Line(region, options, () => lines.delete(region));
        lines.set(region, line);
      }
      return line.call(call);
    },
    close() {
      for (const line of [...lines.values()]) line.close();
    },
  };
}

/** One region's channel and the calls that wait on it. */
class Line {
  readonly #region: string;
  readonly #options: ForwarderOptions;
  readonly #onClosed: () => void;
  readonly #pending = new Map<number, PendingCall>();
  readonly #channel: Promise<Channel>;
  #lastId = 0;

  constructor(region: string, options: ForwarderOptions, onClosed: () => void) {
    this.#region = region;
    this.#options = options;
    this.#onClosed = onClosed;
    this.#channel = this.#connect();
    this.#channel.catch(() => this.#closed());
  }

  async #connect(): Promise<Channel> {
    const address = this.#options.addressOf(this.#region);
    if (address === undefined) throw this.#unavailable();
    const channel = await this.#options.network.connect(address);
    channel.onFrame((frame) => this.#answered(deserialize(frame) as AnswerFrame));
    channel.onClose(() => this.#closed());
    return channel;
  }

  call(call: ForwardedCall): Promise<ItemAnswer | FeedAnswer> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const cancelTimer = this.#options.runtime.after(this.#options.timeoutMs, () => {
        this.#pending.delete(id);
        reject(this.#unavailable());
      });
      this.#pending.set(id, { resolve, reject, cancelTimer });
      this.#channel.then(
        (channel) => channel.send(serialize({ id, call } satisfies CallFrame)),
        () => this.#closed(),
      );
    });
  }

  #answered(frame: AnswerFrame): void {
    const pending = this.#pending.get(frame.id);
    if (pending === undefined) return;
    this.#pending.delete(frame.id);
    pending.cancelTimer();
    if (frame.answer !== undefined) pending.resolve(withBuffers(frame.answer));
    else pending.reject(rebuild(frame.error));
  }

  #closed(): void {
    this.#onClosed();
    for (const pending of this.#pending.values()) {
      pending.cancelTimer();
      pending.reject(this.#unavailable());
    }
    this.#pending.clear();
  }

  close(): void {
    this.#channel.then(
      (channel) => channel.close(),
      () => undefined,
    );
    this.#closed();
  }

  #unavailable(): DatabaseError {
    return new DatabaseError('ServiceUnavailable', `The region '${this.#region}' does not answer.`);
  }
}

/** Structured cloning turns buffers into plain byte arrays. */
function withBuffers(answer: ItemAnswer | FeedAnswer): ItemAnswer | FeedAnswer {
  if ('rows' in answer) {
    return { ...answer, rows: answer.rows.map((row) => (typeof row === 'string' ? row : Buffer.from(row))) };
  }
  return answer.body === undefined ? answer : { ...answer, body: Buffer.from(answer.body) };
}

function rebuild(error: AnswerFrame['error']): DatabaseError {
  if (error === undefined) return new DatabaseError('InternalServerError', 'The other region answered nothing.');
  const details = error.additionalInfo === undefined ? {} : { additionalInfo: error.additionalInfo };
  if (error.head === undefined) return new DatabaseError(error.code, error.message, details);
  return new AnswerError(error.code, error.message, error.head, details);
}

/** Answers the calls of other regions from `items`, which must not forward again. */
export function serveForwarding(network: Network, address: string, items: Items): Promise<NetworkListener> {
  return network.listen(address, (channel) => {
    channel.onFrame((bytes) => {
      const { id, call } = deserialize(bytes) as CallFrame;
      void answer(items, call).then(
        (given) => channel.send(serialize({ id, answer: given } satisfies AnswerFrame)),
        (error: unknown) => channel.send(serialize({ id, error: describe(error) } satisfies AnswerFrame)),
      );
    });
    channel.onClose(() => undefined);
  });
}

async function answer(items: Items, call: ForwardedCall): Promise<ItemAnswer | FeedAnswer> {
  switch (call.kind) {
    case 'read':
      return items.read(call.request);
    case 'list':
      return items.list(call.request);
    case 'query':
      return items.query(call.request);
  }
}

function describe(error: unknown): AnswerFrame['error'] {
  if (error instanceof DatabaseError) {
    const head = error instanceof AnswerError ? error.head : undefined;
    return { code: error.code, message: error.message, additionalInfo: error.additionalInfo, head };
  }
  return { code: 'InternalServerError', message: String(error), additionalInfo: undefined, head: undefined };
}
