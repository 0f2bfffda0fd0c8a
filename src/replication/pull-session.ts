import type { Origin, VersionVector } from '../causality/index.ts';
import type { PartitionNumber } from '../log/index.ts';
import { FrameSequence, ProtocolError } from './frame-sequence.ts';
import {
  decodeEntries,
  decodeMessage,
  encodeMessage,
  type Message,
  type PositionRow,
  PROTOCOL_VERSION,
  type RelayedRow,
  readFrameHead,
  type Section,
  type SubscribedRow,
} from './wire.ts';

/** Ticks between two questions; the answers are how each side knows that the other is there. */
export const ASK_TICKS = 2;
/**
 * Ticks of silence after which the other side counts as gone. Ticks and not milliseconds: a process that
 * was itself held up for long has not waited, it was absent.
 */
export const SILENCE_TICKS = 8;
/** Ticks for the way there and back on the longest of links. */
const WELCOME_TICKS = 40;
/** Ticks without any entry frame although the source says it sent more: the last ones were lost. */
const TAIL_TICKS = 40;
/** Rows in one frame; keeps frames small when thousands of partitions are told of at once. */
const ROWS_PER_FRAME = 1_000;

export interface PullSessionOptions {
  readonly account: string;
  /** The membership epoch, as this region knows it. */
  readonly epoch: number;
  readonly self: { readonly region: string; readonly origin: Origin };
  readonly source: { readonly region: string; readonly origin: Origin };
  readonly wants: readonly Origin[];
}

export type PullEvent =
  | { readonly kind: 'live' }
  | { readonly kind: 'entries'; readonly sections: readonly Section[] }
  | { readonly kind: 'rows'; readonly rows: readonly RelayedRow[] }
  | Omit<Extract<Message, { kind: 'answer' }>, 'entryFrames'>
  | { readonly kind: 'committed'; readonly rows: readonly PositionRow[] }
  | { readonly kind: 'known'; readonly rows: readonly PositionRow[] }
  | { readonly kind: 'unavailable'; readonly partition: PartitionNumber };

/** What a region says of itself when it is asked. */
export type Told = Pick<Extract<Message, { kind: 'answer' }>, 'wallMs' | 'clocks' | 'leaseMs'>;

/** This region's clocks when it asks, and what it knows of the way. */
export interface Question {
  /** Monotonic. */
  readonly askedAtMs: number;
  readonly wallMs: number;
  /** Of the last question and its answer; -1 before the first. */
  readonly roundTripMs: number;
  /** How many regions far this one's call for help is to go; 0 for none. See Repair. */
  readonly helpHops: number;
}

/**
 * The puller's half of one session: says what it wants, puts the frames that come in order, and tells what
 * became of the entries. One session lives on one channel; any trouble ends it with a ProtocolError, and
 * the next one starts from the partitions' vectors.
 *
 * Pure: it reads no clock, opens no socket, awaits nothing. The shell sends what `takeFrames` gives.
 */
export class PullSession {
  readonly #options: PullSessionOptions;
  readonly #control = new FrameSequence();
  readonly #entries = new FrameSequence();
  #wants: readonly Origin[];
  #isLive = false;
  #outbox: Uint8Array[] = [];
  #sent = 0;
  #entryFramesAnnounced = 0;
  #tailTicks = 0;
  #silentTicks = 0;
  #ticks = 0;
  #releasedBytes = 0;
  #receivedBytes = 0;
  #reportedBytes = 0;
  readonly #changed = new Set<PartitionNumber>();

  constructor(options: PullSessionOptions, positions: readonly SubscribedRow[]) {
    this.#options = options;
    this.#wants = options.wants;
    const { account, epoch, self, wants } = options;
    this.#send({
      kind: 'hello',
      version: PROTOCOL_VERSION,
      account,
      epoch,
      region: self.region,
      origin: self.origin,
      wants,
    });
    this.subscribe(positions);
  }

  /** The source has answered and is heard. */
  get isLive(): boolean {
    return this.#isLive;
  }

  get wants(): readonly Origin[] {
    return this.#wants;
  }

  /** Bytes of entries that came and were not yet released, those of early frames included. */
  get unreleasedBytes(): number {
    return this.#receivedBytes - this.#releasedBytes + this.#entries.heldBytes;
  }

  /** Whether the source was told of everything. */
  get isReported(): boolean {
    return this.#reportedBytes === this.#releasedBytes && this.#changed.size === 0;
  }

  /** Frames to send, in order. */
  takeFrames(): Uint8Array[] {
    const frames = this.#outbox;
    if (frames.length > 0) this.#outbox = [];
    return frames;
  }

  /** Takes a frame from the source. @throws ProtocolError when this session cannot go on. */
  handle(frame: Buffer): PullEvent[] {
    this.#silentTicks = 0;
    const { isEntries, seq } = readFrameHead(frame);
    const events: PullEvent[] = [];
    if (isEntries) {
      this.#tailTicks = 0;
      for (const due of this.#entries.accept(seq, frame)) {
        const sections = decodeEntries(due);
        for (const { entries } of sections) for (const entry of entries) this.#receivedBytes += entry.length;
        events.push({ kind: 'entries', sections });
      }
    } else {
      for (const due of this.#control.accept(seq, frame)) this.#handleMessage(decodeMessage(due), events);
    }
    return events;
  }

  #handleMessage(message: Message, events: PullEvent[]): void {
    switch (message.kind) {
      case 'welcome':
        this.#meet(message);
        events.push({ kind: 'live' });
        return;
      case 'refuse':
        throw new ProtocolError(`${this.#options.source.region} refused: ${message.reason}`);
      case 'rows':
        events.push({ kind: 'rows', rows: message.rows });
        return;
      case 'unavailable':
        events.push({ kind: 'unavailable', partition: message.partition });
        return;
      case 'answer':
        this.#entryFramesAnnounced = message.entryFrames;
        events.push(message);
        return;
      case 'committed':
      case 'known':
        events.push(message);
        return;
      default:
        throw new ProtocolError(`a source does not send '${message.kind}'`);
    }
  }

  #meet(welcome: { readonly region: string; readonly origin: Origin }): void {
    const { region, origin } = this.#options.source;
    // The address may have been handed on, or the region may have begun a new life that we have not heard
    // of yet.
    if (welcome.region !== region || welcome.origin !== origin) {
      throw new ProtocolError(`expected ${region} (${origin}), met ${welcome.region} (${welcome.origin})`);
    }
    this.#isLive = true;
  }

  /** Wants these partitions too, from these positions on. */
  subscribe(rows: readonly SubscribedRow[]): void {
    for (const chunk of chunks(rows)) this.#send({ kind: 'subscribe', rows: chunk });
  }

  unsubscribe(partition: PartitionNumber): void {
    this.#changed.delete(partition);
    this.#send({ kind: 'unsubscribe', partitions: [partition] });
  }

  /** Replaces the set of origins; does nothing when it is the same. Both in rising order. */
  want(origins: readonly Origin[]): void {
    if (origins.length === this.#wants.length && origins.every((origin, at) => origin === this.#wants[at]))
      return;
    this.#wants = origins;
    this.#send({ kind: 'want', origins });
  }

  /** Entries of this session are durable here, or were not needed. */
  release(bytes: number): void {
    this.#releasedBytes += bytes;
  }

  /** The partition's vector moved on; the next `report` tells the source. */
  noteChange(partition: PartitionNumber): void {
    this.#changed.add(partition);
  }

  /** Tells the source what was released and where the partitions are that changed. */
  report(vectorOf: (partition: PartitionNumber) => VersionVector | undefined): void {
    if (this.isReported) return;
    const rows: PositionRow[] = [];
    for (const partition of this.#changed) {
      const vector = vectorOf(partition);
      if (vector !== undefined) rows.push({ partition, vector });
    }
    this.#changed.clear();
    this.#reportedBytes = this.#releasedBytes;
    for (const chunk of rows.length === 0 ? [rows] : chunks(rows)) {
      this.#send({ kind: 'report', releasedBytes: this.#releasedBytes, rows: chunk });
    }
  }

  /** Call it at a steady pace. @throws ProtocolError when the source is silent or frames stay away. */
  tick(): void {
    this.#ticks++;
    this.#silentTicks++;
    if (this.#isLive && this.#silentTicks > SILENCE_TICKS) throw new ProtocolError('the source fell silent');
    if (!this.#isLive && this.#ticks > WELCOME_TICKS) throw new ProtocolError('the source did not answer');
    this.#control.tick();
    this.#entries.tick();
    this.#tickTail();
  }

  /** Says that it is still here, and asks for a lease. Call it every `ASK_TICKS` ticks at least. */
  ask(question: Question): void {
    this.#send({ kind: 'ask', ...question });
  }

  #tickTail(): void {
    if (this.#entries.delivered >= this.#entryFramesAnnounced) this.#tailTicks = 0;
    else if (++this.#tailTicks > TAIL_TICKS) throw new ProtocolError('the last entries were lost');
  }

  #send(message: Message): void {
    this.#outbox.push(encodeMessage(++this.#sent, message));
  }
}

/** `rows` in pieces of which each fits a frame. */
export function* chunks<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < rows.length; at += ROWS_PER_FRAME) yield rows.slice(at, at + ROWS_PER_FRAME);
}
