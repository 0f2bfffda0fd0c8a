import type { Origin, VersionVector } from '../causality/index.ts';
import { LogDamagedError, type PartitionNumber } from '../log/index.ts';
import type { PartitionTable } from '../partition/index.ts';
import type { Cancel, Channel, Network, Runtime } from '../runtime/index.ts';
import { ProtocolError } from './frame-sequence.ts';
import type { EntryOwner, Intake } from './intake.ts';
import { ASK_TICKS, type PullEvent, PullSession, type Question } from './pull-session.ts';
import type { PositionRow, RelayedRow, SubscribedRow } from './wire.ts';

/** A region of the account and where to reach it. */
export interface Member {
  readonly region: string;
  readonly origin: Origin;
  /** As `Network.connect` takes it. */
  readonly address: string;
}

/** A source's answer to a question; see the wire. */
export type Answer = Extract<PullEvent, { kind: 'answer' }>;

const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 1_000;
/**
 * Ticks without anything new from a session that others wait on, before it is begun anew with every
 * origin wanted.
 */
const STALL_TICKS = 8;

export interface PullLinkOptions {
  readonly runtime: Runtime;
  readonly network: Network;
  readonly account: string;
  readonly epoch: () => number;
  readonly self: { readonly region: string; readonly origin: Origin };
  readonly member: Member;
  readonly table: PartitionTable;
  readonly intake: Intake;
  /** Whose entries to ask this member for; see `wantedOrigins`. */
  readonly wants: () => readonly Origin[];
  /** Whose entries exist at all, so far as is known. */
  readonly allOrigins: () => readonly Origin[];
  readonly onRows: (rows: readonly RelayedRow[]) => void;
  /** What the member is known to have had. */
  readonly knownOf: (partition: PartitionNumber) => VersionVector;
  /** What the member knows this region to have had. */
  readonly onKnown: (rows: readonly PositionRow[]) => void;
  /** What this region says of itself when it asks. */
  readonly question: () => Question;
  readonly onAnswer: (answer: Answer) => void;
  readonly onCommitted: (rows: readonly PositionRow[]) => void;
  /** Whether a lease is wanted, which has to be asked for more often than the rest needs. */
  readonly needsLease: () => boolean;
  /** The session became live, or is no longer. */
  readonly onChange: () => void;
}

/**
 * The pulling end towards one other region: keeps a session going for as long as the region is a member.
 * When one ends, the next begins from the partitions' vectors after a short wait that grows while it is
 * in vain.
 */
export class PullLink {
  readonly #options: PullLinkOptions;
  #attempt: Attempt | undefined;
  #cancelRetry: Cancel | undefined;
  #failures = 0;
  #isClosed = false;
  #heardAtMs: number | undefined;
  #lastError: string | undefined;
  #wantAllNext = false;
  #stallTicks = 0;
  #unavailable = new Set<PartitionNumber>();

  constructor(options: PullLinkOptions) {
    this.#options = options;
    this.#begin();
  }

  get member(): Member {
    return this.#options.member;
  }

  get isLive(): boolean {
    return this.#attempt?.session?.isLive ?? false;
  }

  /** When the source was last heard, on the monotonic clock. */
  get heardAtMs(): number | undefined {
    return this.#heardAtMs;
  }

  /** Why the last session ended; undefined while one is live. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  get wants(): readonly Origin[] {
    return this.#attempt?.session?.wants ?? [];
  }

  get unreleasedBytes(): number {
    return this.#attempt?.session?.unreleasedBytes ?? 0;
  }

  /** Nothing came that is not durable here, and the source knows it. */
  get isIdle(): boolean {
    const session = this.#attempt?.session;
    return session === undefined || (session.unreleasedBytes === 0 && session.isReported);
  }

  /** Partitions whose log at the source starts after our position. */
  get unavailable(): ReadonlySet<PartitionNumber> {
    return this.#unavailable;
  }

  #begin(): void {
    const attempt = new Attempt(this.#options, {
      onHeard: (events) => this.#heard(events),
      onEnd: (reason) => this.#ended(attempt, reason),
    });
    this.#attempt = attempt;
    attempt.connect(this.#wantAllNext ? this.#options.allOrigins() : this.#options.wants());
    this.#wantAllNext = false;
  }

  #heard(events: readonly PullEvent[]): void {
    this.#heardAtMs = this.#options.runtime.monotonicMs();
    for (const event of events) {
      if (event.kind === 'live') {
        this.#failures = 0;
        this.#lastError = undefined;
        this.#unavailable = new Set();
        this.#attempt?.ask();
        this.#options.onChange();
      } else this.#take(event);
    }
  }

  #take(event: Exclude<PullEvent, { kind: 'live' }>): void {
    switch (event.kind) {
      case 'entries':
        this.#stallTicks = 0;
        return;
      case 'rows':
        this.#options.onRows(event.rows);
        return;
      case 'answer':
        this.#options.onAnswer(event);
        return;
      case 'committed':
        this.#options.onCommitted(event.rows);
        return;
      case 'known':
        this.#options.onKnown(event.rows);
        return;
      case 'unavailable':
        this.#unavailable.add(event.partition);
    }
  }

  #ended(attempt: Attempt, reason: string): void {
    if (this.#attempt !== attempt) return;
    this.#attempt = undefined;
    this.#lastError = reason;
    this.#stallTicks = 0;
    if (!this.#isClosed) this.#retryLater();
    this.#options.onChange();
  }

  #retryLater(): void {
    const { runtime } = this.#options;
    const backoffMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(this.#failures, 10));
    this.#failures++;
    // Regions that lost each other at one moment should not all come back at one moment.
    const delayMs = backoffMs * (0.5 + runtime.random() / 2);
    this.#cancelRetry = runtime.after(delayMs, () => {
      this.#cancelRetry = undefined;
      this.#begin();
    });
  }

  /** Wants a partition that was opened. */
  subscribe(number: PartitionNumber): void {
    const row = rowOf(this.#options, number);
    if (row !== undefined) this.#attempt?.act((session) => session.subscribe([row]));
  }

  unsubscribe(number: PartitionNumber): void {
    this.#unavailable.delete(number);
    this.#attempt?.act((session) => session.unsubscribe(number));
  }

  /** Partitions have moved on; the source is told with the next report. */
  noteChanges(numbers: readonly PartitionNumber[]): void {
    this.#attempt?.noteChanges(numbers);
  }

  /** Asks for what `wants` says now. */
  updateWants(): void {
    this.#attempt?.act((session) => session.want(this.#options.wants()));
  }

  /** Call it at a steady pace. `isMissing`: something waits here for entries that do not come. */
  tick(isMissing: boolean): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    attempt.tick();
    if (!isMissing || attempt.unreleasedBytes === 0) this.#stallTicks = 0;
    // What others need may be stuck behind a full window. Begun anew, with every origin wanted, the session
    // comes in the order of the source's log, in which nothing has to wait for anything.
    else if (++this.#stallTicks > STALL_TICKS) {
      this.#wantAllNext = true;
      attempt.end('others were waited for in vain');
    }
  }

  /** Drops the session and begins a new one. */
  restart(reason: string): void {
    this.#attempt?.end(reason);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.#attempt?.end('closed');
  }
}

function rowOf({ table, knownOf }: PullLinkOptions, partition: PartitionNumber): SubscribedRow | undefined {
  const vector = table.get(partition)?.vector;
  return vector && { partition, vector, known: knownOf(partition) };
}

interface AttemptEvents {
  readonly onHeard: (events: readonly PullEvent[]) => void;
  readonly onEnd: (reason: string) => void;
}

/** One try at a session: its channel and its PullSession. Also what entries of the session are charged to. */
class Attempt implements EntryOwner {
  readonly #options: PullLinkOptions;
  readonly #events: AttemptEvents;
  #channel: Channel | undefined;
  #session: PullSession | undefined;
  #isEnded = false;
  #isReportDue = false;
  #ticks = 0;

  constructor(options: PullLinkOptions, events: AttemptEvents) {
    this.#options = options;
    this.#events = events;
  }

  get session(): PullSession | undefined {
    return this.#session;
  }

  get unreleasedBytes(): number {
    return this.#session?.unreleasedBytes ?? 0;
  }

  connect(wants: readonly Origin[]): void {
    const { network, member } = this.#options;
    network.connect(member.address).then(
      (channel) => this.#open(channel, wants),
      (error: unknown) =>
        this.end(`cannot reach ${member.region}: ${error instanceof Error ? error.message : error}`),
    );
  }

  #open(channel: Channel, wants: readonly Origin[]): void {
    if (this.#isEnded) {
      channel.close();
      return;
    }
    const { account, epoch, self, member, table } = this.#options;
    const positions: SubscribedRow[] = [];
    for (const number of table.numbers()) {
      const row = rowOf(this.#options, number);
      if (row !== undefined) positions.push(row);
    }
    this.#channel = channel;
    this.#session = new PullSession({ account, epoch: epoch(), self, source: member, wants }, positions);
    channel.onClose(() => this.end('the channel closed'));
    channel.onFrame((frame) => this.act((session) => this.#handle(session, frame)));
    this.#send(this.#session);
  }

  #handle(session: PullSession, frame: Buffer): void {
    const events = session.handle(frame);
    this.#events.onHeard(events);
    for (const event of events) {
      if (event.kind !== 'entries') continue;
      for (const section of event.sections) this.#options.intake.offer(section, this);
    }
  }

  release(bytes: number): void {
    if (this.#isEnded) return;
    this.#session?.release(bytes);
    if (this.#isReportDue) return;
    // Whatever else becomes durable in this moment goes into the same report.
    this.#isReportDue = true;
    this.#options.runtime.soon(() => {
      this.#isReportDue = false;
      this.#report();
    });
  }

  noteChanges(numbers: readonly PartitionNumber[]): void {
    if (this.#session === undefined) return;
    for (const number of numbers) this.#session.noteChange(number);
  }

  #report(): void {
    this.act((session) => session.report((number) => this.#options.table.get(number)?.vector));
  }

  tick(): void {
    this.#ticks++;
    this.act((session) => session.tick());
    if (this.#ticks % ASK_TICKS === 0 || this.#options.needsLease()) this.ask();
    this.#report();
  }

  ask(): void {
    this.act((session) => session.ask(this.#options.question()));
  }

  /** Does something with the session and sends what comes of it; whatever breaks the protocol ends it. */
  act(work: (session: PullSession) => void): void {
    const session = this.#session;
    if (session === undefined || this.#isEnded) return;
    try {
      work(session);
      this.#send(session);
    } catch (error) {
      if (!(error instanceof ProtocolError) && !(error instanceof LogDamagedError)) throw error;
      this.end(error.message);
    }
  }

  #send(session: PullSession): void {
    for (const frame of session.takeFrames()) this.#channel?.send(frame);
  }

  end(reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#channel?.close();
    this.#options.intake.disown(this);
    this.#events.onEnd(reason);
  }
}
