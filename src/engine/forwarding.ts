/**
 * A read that its own region cannot answer yet (the session token is ahead of it) goes to a region that can.
 * One channel to each region, opened on first use.
 */
import { DatabaseError, type ErrorCode } from '../errors/index.ts';
import { answerCalls, Caller, type Network, type NetworkListener, type Runtime } from '../runtime/index.ts';
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
  const connect = async (region: string): Promise<Caller> => {
    const address = addressOf(region);
    if (address === undefined) throw unavailable(region);
    return new Caller(runtime, await network.connect(address), () => callers.delete(region));
  };
  return {
    async call(region, call) {
      let caller = callers.get(region);
      if (caller === undefined) {
        caller = connect(region);
        callers.set(region, caller);
      }
      let outcome: Outcome;
      try {
        outcome = (await (await caller).call(call, timeoutMs)) as Outcome;
      } catch {
        callers.delete(region);
        throw unavailable(region);
      }
      if ('answer' in outcome) return withBuffers(outcome.answer);
      throw rebuild(outcome.error);
    },
    close() {
      for (const caller of callers.values()) void caller.then((open) => open.close()).catch(() => undefined);
      callers.clear();
    },
  };
}

function unavailable(region: string): DatabaseError {
  return new DatabaseError('ServiceUnavailable', `The region '${region}' does not answer.`);
}

/** Structured cloning turns buffers into plain byte arrays. */
function withBuffers(answer: ItemAnswer | FeedAnswer): ItemAnswer | FeedAnswer {
  if ('rows' in answer) {
    return { ...answer, rows: answer.rows.map((row) => (typeof row === 'string' ? row : Buffer.from(row))) };
  }
  return answer.body === undefined ? answer : { ...answer, body: Buffer.from(answer.body) };
}

function rebuild(error: Extract<Outcome, { error: unknown }>['error']): DatabaseError {
  const details = error.additionalInfo === undefined ? {} : { additionalInfo: error.additionalInfo };
  if (error.head === undefined) return new DatabaseError(error.code, error.message, details);
  return new AnswerError(error.code, error.message, error.head, details);
}

/** Answers the calls of other regions from `items`, which must not forward again. */
export function serveForwarding(network: Network, address: string, items: Items): Promise<NetworkListener> {
  return network.listen(address, (channel) => {
    answerCalls(channel, (question) =>
      answer(items, question as ForwardedCall).then(
        (given): Outcome => ({ answer: given }),
        (error: unknown): Outcome => ({ error: describe(error) }),
      ),
    );
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

function describe(error: unknown): Extract<Outcome, { error: unknown }>['error'] {
  if (error instanceof DatabaseError) {
    const head = error instanceof AnswerError ? error.head : undefined;
    return { code: error.code, message: error.message, additionalInfo: error.additionalInfo, head };
  }
  return { code: 'InternalServerError', message: String(error), additionalInfo: undefined, head: undefined };
}
