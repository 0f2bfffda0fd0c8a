/**
 * A read that its own region cannot answer yet (the session token is ahead of it) goes to a region that can.
 * One channel to each region, opened on first use.
 */
import { DatabaseError, type ErrorCode } from '../errors/index.ts';
import {
  answerCalls,
  Caller,
  type Channel,
  type Network,
  type NetworkListener,
  NoAnswerError,
  type Runtime,
} from '../runtime/index.ts';
import { AnswerError } from './answer-error.ts';
import type {
  AnswerHead,
  FeedAnswer,
  FeedScope,
  ItemAnswer,
  Items,
  ItemTarget,
  QueryRequest,
} from './engine.ts';

export type ForwardedCall =
  | { readonly kind: 'read'; readonly request: ItemTarget }
  | { readonly kind: 'list'; readonly request: FeedScope }
  | { readonly kind: 'query'; readonly request: QueryRequest };

type Outcome =
  | { readonly answer: ItemAnswer | FeedAnswer }
  | {
      readonly error: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly additionalInfo: string | undefined;
        readonly head: AnswerHead | undefined;
      };
    };

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

export function createForwarder({ runtime, network, addressOf, timeoutMs }: ForwarderOptions): Forwarder {
  const callers = new Map<string, Promise<Caller>>();
  let isClosed = false;
  const connect = (region: string): Promise<Caller> => {
    const connecting = open(region, () => forget());
    const forget = () => {
      if (callers.get(region) === connecting) callers.delete(region);
    };
    callers.set(region, connecting);
    return connecting;
  };
  const open = async (region: string, onClosed: () => void): Promise<Caller> => {
    const address = addressOf(region);
    if (address === undefined) throw unavailable(region);
    return new Caller(runtime, await network.connect(address), onClosed);
  };
  // Where nobody answers, systems try to connect for minutes.
  const inTime = (connecting: Promise<Caller>): Promise<Caller> =>
    new Promise((resolve, reject) => {
      const cancel = runtime.after(timeoutMs, () => reject(new NoAnswerError('no connection in time')));
      connecting.then(resolve, reject).finally(cancel);
    });
  // Who did not answer in time may be gone for good without the channel telling: connect anew next time.
  const giveUp = (region: string, connecting: Promise<Caller>): void => {
    if (callers.get(region) === connecting) callers.delete(region);
    connecting.then(
      (caller) => caller.close(),
      () => undefined,
    );
  };
  return {
    async call(region, call) {
      if (isClosed) throw unavailable(region);
      const connecting = callers.get(region) ?? connect(region);
      const startMs = runtime.monotonicMs();
      let outcome: Outcome;
      try {
        const caller = await inTime(connecting);
        const leftMs = Math.max(0, timeoutMs - (runtime.monotonicMs() - startMs));
        outcome = (await caller.call(call, leftMs)) as Outcome;
      } catch {
        giveUp(region, connecting);
        throw unavailable(region);
      }
      if ('answer' in outcome) return adopted(outcome.answer);
      throw rebuild(outcome.error);
    },
    close() {
      isClosed = true;
      for (const [region, connecting] of [...callers]) giveUp(region, connecting);
    },
  };
}

function unavailable(region: string): DatabaseError {
  return new DatabaseError('ServiceUnavailable', `The region '${region}' does not answer.`);
}

/** Structured cloning turns buffers into plain byte arrays; positions are those of the other region's log. */
function adopted(answer: ItemAnswer | FeedAnswer): ItemAnswer | FeedAnswer {
  if ('rows' in answer) {
    const rows = answer.rows.map((row) => (typeof row === 'string' ? row : Buffer.from(row)));
    return { ...answer, rows, basedOn: 0 };
  }
  const body = answer.body === undefined ? undefined : Buffer.from(answer.body);
  return { ...answer, body, basedOn: 0 };
}

function rebuild(error: Extract<Outcome, { error: unknown }>['error']): DatabaseError {
  const details = error.additionalInfo === undefined ? {} : { additionalInfo: error.additionalInfo };
  if (error.head === undefined) return new DatabaseError(error.code, error.message, details);
  return new AnswerError(error.code, error.message, { ...error.head, basedOn: 0 }, details);
}

/**
 * Answers the calls of other regions from `items`, which must not forward again. Closing the listener ends
 * its channels too: whoever asked is to find the region's next life, not to go on asking this one.
 */
export async function serveForwarding(
  network: Network,
  address: string,
  items: Items,
): Promise<NetworkListener> {
  const channels = new Set<Channel>();
  const listener = await network.listen(address, (channel) => {
    channels.add(channel);
    const respond = (question: unknown): Promise<Outcome> =>
      answer(items, question as ForwardedCall).then(
        (given) => ({ answer: given }),
        (error: unknown) => ({ error: describe(error) }),
      );
    answerCalls(channel, respond, () => channels.delete(channel));
  });
  return {
    address: listener.address,
    async close() {
      for (const channel of channels) channel.close();
      channels.clear();
      await listener.close();
    },
  };
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

function describe(error: unknown): Extract<Outcome, { error: unknown }>['error'] {
  if (error instanceof DatabaseError) {
    const head = error instanceof AnswerError ? error.head : undefined;
    return { code: error.code, message: error.message, additionalInfo: error.additionalInfo, head };
  }
  return { code: 'InternalServerError', message: String(error), additionalInfo: undefined, head: undefined };
}
