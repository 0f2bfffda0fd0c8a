import type { Origin, VersionVector } from '../causality/index.ts';
import type { Lsn, PartitionNumber } from '../log/index.ts';
import { type PartitionTable, peekEntry, type ReplicatedPartition } from '../partition/index.ts';
import { FrameSequence, ProtocolError } from './frame-sequence.ts';
import { chunks, type Question, SILENCE_TICKS, type Told } from './pull-session.ts';
import { SendWindow } from './send-window.ts';
import {
  decodeMessage,
  encodeEntries,
  encodeMessage,
  type Message,
  type PositionRow,
  type RelayedRow,
  readFrameHead,
  type SubscribedRow,
} from './wire.ts';

const READ_BYTES_MIN = 16 * 1024;
const READ_BYTES_MAX = 256 * 1024;
/** Ticks between two tellings of positions. They matter to collection and to lag figures, which have time. */
const ROWS_TICKS = 4;

export interface SourceSessionOptions {
  readonly account: string;
  /** The membership epoch, as this region knows it. */
  readonly epoch: () => number;
  readonly self: { readonly region: string; readonly origin: Origin };
  readonly table: PartitionTable;
  readonly isMember: (region: string, origin: Origin) => boolean;
  /** A puller's question: the wall clocks known here, and the length of the lease it may have, or 0. */
  readonly answer: (origin: Origin, question: Question) => Told;
  /** What is known to be globally committed; undefined when nobody keeps account of it. */
  readonly committedOf: (partition: PartitionNumber) => VersionVector | undefined;
  /** The n-th of this region's own writes to a partition is being sent. */
  readonly onTold: (partition: PartitionNumber, n: number) => void;
  /** What a puller is known to have had. */
  readonly knownOf: (partition: PartitionNumber, origin: Origin) => VersionVector;
  /**
   * `origin` knows this region to have had so much of an open partition: false when it has less, and so must
   * send nothing.
   */
  readonly onKnown: (partition: PartitionNumber, origin: Origin, known: VersionVector) => boolean;
  /** Position of another region, if known. */
  readonly rowOf: (partition: PartitionNumber, origin: Origin) => VersionVector | undefined;
}

/** A stretch of a partition's log that the session needs. */
export interface SourceRead {
  readonly partition: ReplicatedPartition;
  readonly fromLsn: Lsn;
  readonly bytesMax: number;
}

interface Subscription {
  /** What the puller has, or will have if this session lives: what it reported and what was sent. */
  readonly sent: VersionVector;
  /** What the puller knows this region to have had. */
  readonly known: VersionVector;
  /** Where to read on; undefined until the partition exists here. */
  nextLsn: Lsn | undefined;
}

/**
 * The source's half of one session: sends the entries that the puller wants and lacks, in the order of the
 * log, taking turns between partitions, and never more than its window admits. It keeps positions only:
 * a slow puller holds no entries in memory, they are read from the log when there is room for them.
 *
 * Pure but for looking at the partitions: it reads no clock, opens no socket, awaits nothing. The shell
 * performs the reads that `nextRead` asks for, one at a time, and sends what `takeFrames` gives.
 */
export class SourceSession {
  readonly #options: SourceSessionOptions;
  readonly #control = new FrameSequence();
  readonly #window = new SendWindow();
  readonly #subscriptions = new Map<PartitionNumber, Subscription>();
  /** Partitions with something to read, in the order of their turns. */
  readonly #dirty = new Set<PartitionNumber>();
  readonly #staleRows = new Set<PartitionNumber>();
  readonly #staleCommits = new Set<PartitionNumber>();
  #wants: ReadonlySet<Origin> = new Set();
  #peer: { readonly region: string; readonly origin: Origin } | undefined;
  #sections: { partition: PartitionNumber; entries: Uint8Array[] }[] = [];
  #sectionBytes = 0;
  #outbox: Uint8Array[] = [];
  #controlFrames = 0;
  #entryFrames = 0;
  #silentTicks = 0;
  #ticks = 0;
  #entriesSent = 0;

  constructor(options: SourceSessionOptions) {
    this.#options = options;
  }

  /** Who pulls; undefined until it said so. */
  get peer(): { readonly region: string; readonly origin: Origin } | undefined {
    return this.#peer;
  }

  get unreleasedBytes(): number {
    return this.#window.unreleasedBytes;
  }

  get entriesSent(): number {
    return this.#entriesSent;
  }

  /** Nothing to send, and the puller holds everything durably. */
  get isIdle(): boolean {
    return this.#dirty.size === 0 && this.#sectionBytes === 0 && this.#window.unreleasedBytes === 0;
  }

  takeFrames(): Uint8Array[] {
    const frames = this.#outbox;
    if (frames.length > 0) this.#outbox = [];
    return frames;
  }

  /**
   * Takes a frame from the puller; gives the positions it reported. @throws ProtocolError when this
   * session cannot go on.
   */
  handle(frame: Buffer, nowMs: number): readonly PositionRow[] {
    this.#silentTicks = 0;
    const { isEntries, seq } = readFrameHead(frame);
    if (isEntries) throw new ProtocolError('a puller does not send entries');
    const rows: PositionRow[] = [];
    for (const due of this.#control.accept(seq, frame)) {
      for (const row of this.#handleMessage(decodeMessage(due), nowMs)) rows.push(row);
    }
    return rows;
  }

  #handleMessage(message: Message, nowMs: number): readonly PositionRow[] {
    if (message.kind === 'hello') {
      this.#meet(message);
      return [];
    }
    if (this.#peer === undefined) throw new ProtocolError('a session begins with hello');
    switch (message.kind) {
      case 'subscribe':
        for (const row of message.rows) this.#subscribe(row, this.#peer.origin);
        return message.rows;
      case 'unsubscribe':
        for (const partition of message.partitions) this.#forget(partition);
        return [];
      case 'want':
        this.#want(message.origins);
        return [];
      case 'report':
        this.#window.release(message.releasedBytes, nowMs);
        for (const { partition, vector } of message.rows)
          this.#subscriptions.get(partition)?.sent.join(vector);
        return message.rows;
      case 'ask': {
        const told = this.#options.answer(this.#peer.origin, message);
        // The lease says that what is committed is there; what is committed comes before it.
        this.sendCommitted();
        const { askedAtMs } = message;
        this.#send({ kind: 'answer', askedAtMs, ...told, entryFrames: this.#entryFrames });
        return [];
      }
      default:
        throw new ProtocolError(`a puller does not send '${message.kind}'`);
    }
  }

  #meet(hello: Extract<Message, { kind: 'hello' }>): void {
    const { account, epoch, self, isMember } = this.#options;
    const { region, origin } = hello;
    if (hello.account !== account) throw this.#refuse(`this is account '${account}'`);
    if (hello.epoch !== epoch()) throw this.#refuse(`this is membership epoch ${epoch()}`);
    if (!isMember(region, origin)) throw this.#refuse(`${region} (${origin}) is no member of the account`);
    this.#peer = { region, origin };
    this.#wants = new Set(hello.wants);
    this.#send({ kind: 'welcome', region: self.region, origin: self.origin });
  }

  #refuse(reason: string): ProtocolError {
    this.#send({ kind: 'refuse', reason });
    return new ProtocolError(`refused a puller: ${reason}`);
  }

  #subscribe({ partition, vector, known }: SubscribedRow, origin: Origin): void {
    const had = this.#options.knownOf(partition, origin);
    if (!vector.coversAll(had)) {
      this.#send({ kind: 'known', rows: [{ partition, vector: had }] });
      throw new ProtocolError('the puller has lost something that it had');
    }
    this.#subscriptions.set(partition, { sent: vector.clone(), known, nextLsn: undefined });
    this.markOpened(partition);
  }

  #forget(partition: PartitionNumber): void {
    this.#subscriptions.delete(partition);
    this.#dirty.delete(partition);
    this.#staleRows.delete(partition);
    this.#staleCommits.delete(partition);
  }

  #want(origins: readonly Origin[]): void {
    const before = this.#wants;
    this.#wants = new Set(origins);
    if (origins.every((origin) => before.has(origin))) return;
    // What was skipped so far is wanted now: read again from where the puller may lack something.
    for (const [number, subscription] of this.#subscriptions) this.#restart(number, subscription);
    this.#window.expand();
  }

  #restart(number: PartitionNumber, subscription: Subscription): void {
    const partition = this.#options.table.get(number);
    if (partition === undefined) return;
    subscription.nextLsn = partition.coveredLsn(subscription.sent) + 1;
    this.#staleRows.add(number);
    this.#staleCommits.add(number);
    if (subscription.nextLsn <= partition.tail()) this.#dirty.add(number);
  }

  /**
   * The partition is open here: what was asked of it can begin. @throws ProtocolError when this region has
   * lost something that it had.
   */
  markOpened(number: PartitionNumber): void {
    const subscription = this.#subscriptions.get(number);
    if (subscription === undefined || this.#peer === undefined) return;
    const isOpen = this.#options.table.get(number) !== undefined;
    if (isOpen && !this.#options.onKnown(number, this.#peer.origin, subscription.known))
      throw new ProtocolError('this region has lost something that it had');
    this.#restart(number, subscription);
  }

  markDropped(number: PartitionNumber): void {
    this.#forget(number);
  }

  /** The partition's log has grown. */
  markDurable(number: PartitionNumber): void {
    if (this.#subscriptions.get(number)?.nextLsn === undefined) return;
    this.#dirty.add(number);
    this.#staleRows.add(number);
  }

  /** The position of `origin` in this partition has moved on. */
  noteRow(number: PartitionNumber, origin: Origin): void {
    if (this.#wants.has(origin) && this.#subscriptions.has(number)) this.#staleRows.add(number);
  }

  /** More of this partition is globally committed; `sendCommitted` tells the puller. */
  noteCommitted(number: PartitionNumber): void {
    if (this.#subscriptions.has(number)) this.#staleCommits.add(number);
  }

  sendCommitted(): void {
    if (this.#staleCommits.size === 0) return;
    const rows: PositionRow[] = [];
    for (const partition of this.#staleCommits) {
      const vector = this.#options.committedOf(partition);
      if (vector !== undefined) rows.push({ partition, vector });
    }
    this.#staleCommits.clear();
    for (const chunk of chunks(rows)) this.#send({ kind: 'committed', rows: chunk });
  }

  /** Entries that were not looked at yet, wanted or not. */
  get readableEntries(): number {
    let count = 0;
    for (const number of this.#dirty) {
      const tail = this.#options.table.get(number)?.tail() ?? 0;
      count += Math.max(0, tail + 1 - (this.#subscriptions.get(number)?.nextLsn ?? tail + 1));
    }
    return count;
  }

  /** What to read next; undefined when there is nothing, or no room to send it. */
  nextRead(): SourceRead | undefined {
    const room = this.#window.room - this.#sectionBytes;
    if (room <= 0) return undefined;
    for (const number of this.#dirty) {
      const partition = this.#options.table.get(number);
      const fromLsn = this.#subscriptions.get(number)?.nextLsn;
      if (partition !== undefined && fromLsn !== undefined && fromLsn <= partition.tail()) {
        return { partition, fromLsn, bytesMax: Math.min(READ_BYTES_MAX, Math.max(READ_BYTES_MIN, room)) };
      }
      this.#dirty.delete(number);
    }
    return undefined;
  }

  /** Takes the entries that were read. Full frames go to the outbox; the rest waits for `flush`. */
  completeRead(read: SourceRead, entries: readonly Uint8Array[], nowMs: number): void {
    const { number } = read.partition;
    const subscription = this.#subscriptions.get(number);
    // The subscription may have been moved, replaced or ended while the read was under way.
    if (subscription?.nextLsn !== read.fromLsn) return;
    this.#dirty.delete(number);
    const { self, onTold } = this.#options;
    let done = 0;
    let told = 0;
    let section: Uint8Array[] | undefined;
    for (const bytes of entries) {
      if (this.#window.room - this.#sectionBytes <= 0) break;
      done++;
      const { dot } = peekEntry(bytes);
      if (!this.#wants.has(dot.origin) || subscription.sent.covers(dot)) continue;
      subscription.sent.advance(dot.origin, dot.n);
      if (dot.origin === self.origin) told = dot.n;
      section ??= this.#openSection(number);
      section.push(bytes);
      this.#sectionBytes += bytes.length;
      if (this.#sectionBytes >= this.#window.frameBytes) {
        this.flush(nowMs);
        section = undefined;
      }
    }
    if (told > 0) onTold(number, told);
    subscription.nextLsn += done;
    // Whoever has more goes to the end of the queue.
    if (entries.length > 0 && subscription.nextLsn <= read.partition.tail()) this.#dirty.add(number);
  }

  #openSection(partition: PartitionNumber): Uint8Array[] {
    const section = { partition, entries: [] };
    this.#sections.push(section);
    return section.entries;
  }

  /** The log no longer holds what was to be read: the puller needs a copy of the partition. */
  failRead(read: SourceRead): void {
    const { number } = read.partition;
    this.#forget(number);
    this.#send({ kind: 'unavailable', partition: number });
  }

  /** Sends what has gathered. */
  flush(nowMs: number): void {
    if (this.#sections.length === 0) return;
    for (const { entries } of this.#sections) this.#entriesSent += entries.length;
    this.#outbox.push(encodeEntries(++this.#entryFrames, this.#sections));
    this.#window.sendFrame(this.#sectionBytes, nowMs);
    this.#sections = [];
    this.#sectionBytes = 0;
  }

  /** Call it at a steady pace. @throws ProtocolError when the puller is silent or frames stay away. */
  tick(): void {
    this.#ticks++;
    if (++this.#silentTicks > SILENCE_TICKS) throw new ProtocolError('the puller fell silent');
    this.#control.tick();
    if (this.#peer === undefined) return;
    if (this.#ticks % ROWS_TICKS === 0) this.#sendRows();
  }

  #sendRows(): void {
    const { table, self, rowOf } = this.#options;
    const rows: RelayedRow[] = [];
    for (const partition of this.#staleRows) {
      for (const origin of this.#wants) {
        const vector = origin === self.origin ? table.get(partition)?.vector : rowOf(partition, origin);
        if (vector !== undefined) rows.push({ partition, origin, vector });
      }
    }
    this.#staleRows.clear();
    for (const chunk of chunks(rows)) this.#send({ kind: 'rows', rows: chunk });
  }

  #send(message: Message): void {
    this.#outbox.push(encodeMessage(++this.#controlFrames, message));
  }
}
