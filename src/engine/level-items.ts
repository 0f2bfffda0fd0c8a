/**
 * Items as the account's consistency level promises them: who may answer a read, how long answers wait for
 * other regions, and what that costs. At Session and below there is nothing to add.
 */
import { type ConsistencyLevel, type Directory, isStronger } from '../account/index.ts';
import { DatabaseError, type ErrorCode } from '../errors/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { AnswerError } from './answer-error.ts';
import type {
  AnswerHead,
  BatchAnswer,
  BatchRequest,
  FeedAnswer,
  FeedScope,
  ItemAnswer,
  Items,
  ItemTarget,
  ItemWrite,
  QueryRequest,
  RequestContext,
} from './engine.ts';
import { firstAnswer } from './first-answer.ts';
import type { ForwardedCall, Forwarder } from './forwarding.ts';
import type { CommitWait, LevelGate } from './level-gate.ts';
import { sessionDemand, sessionTokenOf } from './request-gate.ts';

export interface LevelItemsOptions {
  readonly directory: Directory;
  readonly region: string;
  readonly gate: LevelGate;
  /** Undefined for items that answer forwarded requests: those go no further. */
  readonly forwarder: Forwarder | undefined;
  readonly runtime: Runtime;
  /** How long an answer waits for other regions, in milliseconds. */
  readonly commitPatienceMs: number;
}

/** A read at these levels asks two replicas where weaker ones ask one. */
const QUORUM_READ_FACTOR = 2;

/** Refusals that tell nothing of what is stored; all others wait like answers do. */
const TELLING_NOTHING: readonly ErrorCode[] = [
  'ReadSessionNotAvailable',
  'RequestTimeout',
  'ServiceUnavailable',
];

export class LevelItems implements Items {
  readonly #inner: Items;
  readonly #options: LevelItemsOptions;

  constructor(inner: Items, options: LevelItemsOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  // --- reads -------------------------------------------------------------------------------------------

  read(target: ItemTarget): ItemAnswer | Promise<ItemAnswer> {
    if (this.#options.gate.kind === 'none') return this.#inner.read(target);
    return this.#read(target, { kind: 'read', request: target }, async () => this.#inner.read(target));
  }

  list(scope: FeedScope): Promise<FeedAnswer> {
    if (this.#options.gate.kind === 'none') return this.#inner.list(scope);
    return this.#read(scope, { kind: 'list', request: scope }, () => this.#inner.list(scope));
  }

  query(request: QueryRequest): Promise<FeedAnswer> {
    if (this.#options.gate.kind === 'none') return this.#inner.query(request);
    return this.#read(request, { kind: 'query', request }, () => this.#inner.query(request));
  }

  async #read<A extends ItemAnswer | FeedAnswer>(
    context: RequestContext,
    call: ForwardedCall,
    ask: () => Promise<A>,
  ): Promise<A> {
    const { gate } = this.#options;
    const level = this.#levelOf(context);
    if (!isStronger(level, 'Session')) return ask();
    // A lease is worth what was here when it was held, so it is looked at first. BoundedStaleness on a
    // Strong account promises no bound of its own, as with the original.
    const needsLease = gate.kind === 'bounded' || level === 'Strong';
    if (needsLease && !gate.holdsLease()) return this.#askOthers<A>(call);
    try {
      const answering = ask();
      const answer = await (level === 'Strong' ? this.afterCommit(answering, context) : answering);
      return { ...answer, charge: answer.charge * QUORUM_READ_FACTOR };
    } catch (error) {
      throw AnswerError.withCharge(error, QUORUM_READ_FACTOR);
    }
  }

  /** The level that the request is served at; one that asks for too much is refused further in. */
  #levelOf({ consistency }: RequestContext): ConsistencyLevel {
    const { level } = this.#options.directory.state.consistency;
    return consistency === undefined || isStronger(consistency, level) ? level : consistency;
  }

  /** Without a lease this region cannot vouch for what it has; the write region can, or whoever holds one. */
  async #askOthers<A extends ItemAnswer | FeedAnswer>(call: ForwardedCall): Promise<A> {
    const { runtime, forwarder, directory, region, gate } = this.#options;
    const { regions } = directory.state;
    const candidates = gate.kind === 'strong' ? regions.slice(0, 1) : regions;
    const others = candidates.filter(({ name }) => name !== region);
    if (forwarder !== undefined) {
      const asks = others.map(
        ({ name }) =>
          () =>
            forwarder.call(name, call) as Promise<A>,
      );
      const answer = await firstAnswer(runtime, asks, UNANSWERED);
      if (answer !== undefined) return answer;
    }
    throw new DatabaseError(
      'ServiceUnavailable',
      `The region '${region}' holds no read lease, and no region that could answer can be reached.`,
    );
  }

  // --- writes ------------------------------------------------------------------------------------------

  create(write: ItemWrite): Promise<ItemAnswer> {
    return this.afterCommit(this.#inner.create(write), write);
  }

  upsert(write: ItemWrite): Promise<ItemAnswer> {
    return this.afterCommit(this.#inner.upsert(write), write);
  }

  replace(target: ItemTarget, body: Buffer): Promise<ItemAnswer> {
    return this.afterCommit(this.#inner.replace(target, body), target);
  }

  patch(target: ItemTarget, body: Buffer): Promise<ItemAnswer> {
    return this.afterCommit(this.#inner.patch(target, body), target);
  }

  delete(target: ItemTarget): Promise<ItemAnswer> {
    return this.afterCommit(this.#inner.delete(target), target);
  }

  deletePartitionKey(scope: FeedScope): Promise<AnswerHead> {
    return this.afterCommit(this.#inner.deletePartitionKey(scope), scope);
  }

  /** A batch that failed tells what is stored, too. */
  batch(request: BatchRequest): Promise<BatchAnswer> {
    return this.afterCommit(this.#inner.batch(request), request);
  }

  /**
   * The answer once what it rests on is committed. A refusal that tells what is stored waits too: that may
   * be a write which is not committed yet.
   */
  afterCommit<A extends AnswerHead>(answering: Promise<A>, context: RequestContext): Promise<A> {
    if (this.#options.gate.kind !== 'strong') return answering;
    return answering.then(
      async (answer) => {
        await this.#committed(answer);
        const sessionToken = this.#committedToken(answer, context);
        return sessionToken === undefined ? answer : { ...answer, sessionToken };
      },
      async (error: unknown) => {
        if (!(error instanceof AnswerError)) throw error;
        if (!TELLING_NOTHING.includes(error.code)) await this.#committed(error.head);
        const sessionToken = this.#committedToken(error.head, context);
        throw sessionToken === undefined ? error : AnswerError.withToken(error, sessionToken);
      },
    );
  }

  /**
   * Names nothing that is not committed: it could still be lost, and then no region would ever come as far as
   * the token says. Undefined for a token to be left as it is: a feed waits for all that it names.
   */
  #committedToken(answer: AnswerHead | FeedAnswer, context: RequestContext): string | undefined {
    if ('rows' in answer) return undefined;
    const { directory, gate } = this.#options;
    const { state } = directory;
    const record = state.containers[answer.containerRid]?.partitions.find(({ id }) => id === answer.rangeId);
    const vector = record && gate.committedHere(record.number);
    if (record === undefined || vector === undefined) return undefined;
    // Others may know sooner what is committed, and a session never goes back.
    const demand = sessionDemand(record, context);
    if (demand !== undefined) vector.join(demand);
    return sessionTokenOf(state, record.id, vector);
  }

  /** Resolves when what the answer rests on is held by every region that is waited for. */
  async #committed(answer: AnswerHead | FeedAnswer): Promise<void> {
    const { directory, gate } = this.#options;
    const container = directory.state.containers[answer.containerRid];
    const isFeed = 'rows' in answer;
    const waits: Promise<void>[] = [];
    for (const { id, number } of container?.partitions ?? []) {
      // A feed may have read more than one range, and what others have that it did not read is soon there.
      if (!isFeed && id !== answer.rangeId) continue;
      const wait = gate.committed(number, isFeed ? undefined : answer.basedOn);
      if (wait !== undefined) waits.push(this.#patiently(wait));
    }
    await Promise.all(waits);
  }

  async #patiently(wait: CommitWait): Promise<void> {
    const { runtime, commitPatienceMs } = this.#options;
    let cancelTimer: () => void = () => undefined;
    const tooLate = new Promise<'too late'>((resolve) => {
      cancelTimer = runtime.after(commitPatienceMs, () => resolve('too late'));
    });
    const outcome = await Promise.race([wait.promise, tooLate]);
    cancelTimer();
    if (outcome === undefined) return;
    wait.cancel();
    // Durable here and perhaps elsewhere: it may well become committed later.
    throw new DatabaseError(
      'RequestTimeout',
      'Not every region that has to has confirmed in time; the outcome of the operation is unknown.',
    );
  }
}

/** Why another region cannot tell. */
const UNANSWERED: readonly ErrorCode[] = ['ServiceUnavailable', 'OwnerNotFound', 'RequestTimeout'];
