import type { Origin } from '../causality/index.ts';
import { LogDamagedError, type PartitionNumber } from '../log/index.ts';
import type { Channel, Runtime } from '../runtime/index.ts';
import { ProtocolError } from './frame-sequence.ts';
import { SourceSession, type SourceSessionOptions } from './source-session.ts';
import type { PositionRow } from './wire.ts';

/** Bytes read from logs before others get their turn on this thread. */
const TURN_BYTES = 1024 * 1024;
/**
 * Entries that come sooner than this after a frame gather for the next one. A lone write goes at once; under
 * load a frame, and then a sync of the puller's log, is for many.
 */
const GATHER_MS = 2;
/** So many need not wait for more. */
const GATHERED_ENTRIES = 64;

export interface FeedOptions extends SourceSessionOptions {
  readonly runtime: Runtime;
  readonly channel: Channel;
  /** The puller said who it is. */
  readonly onMet: (feed: Feed) => void;
  readonly onRows: (origin: Origin, rows: readonly PositionRow[]) => void;
  readonly onEnd: (feed: Feed) => void;
  /** The log of this region could not be read. */
  readonly onFailure: (error: unknown) => void;
}

/** The shell round one SourceSession: its channel, and the loop that reads the log for it. */
export class Feed {
  readonly #options: FeedOptions;
  readonly #session: SourceSession;
  #isPumping = false;
  #isTelling = false;
  #isGathering = false;
  #isClosed = false;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #heardAtMs: number;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#session = new SourceSession(options);
    this.#heardAtMs = options.runtime.monotonicMs();
    options.channel.onClose(() => this.end());
    options.channel.onFrame((frame) => this.#handle(frame));
  }

  get session(): SourceSession {
    return this.#session;
  }

  /** When the puller was last heard, on the monotonic clock. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  #handle(frame: Buffer): void {
    if (this.#isClosed) return;
    this.#heardAtMs = this.#options.runtime.monotonicMs();
    this.#guard(() => {
      const wasMet = this.#session.peer !== undefined;
      const rows = this.#session.handle(frame, this.#heardAtMs);
      const { peer } = this.#session;
      if (peer === undefined) return;
      if (!wasMet) this.#options.onMet(this);
      if (rows.length > 0) this.#options.onRows(peer.origin, rows);
    });
    this.pump();
  }

  markDurable(numbers: readonly PartitionNumber[]): void {
    for (const number of numbers) this.#session.markDurable(number);
    this.pump();
  }

  markOpened(number: PartitionNumber): void {
    this.#guard(() => this.#session.markOpened(number));
    this.pump();
  }

  /** Tells the puller soon, together with what else is committed in this moment. */
  markCommitted(number: PartitionNumber): void {
    this.#session.noteCommitted(number);
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#options.runtime.soon(() => {
      this.#isTelling = false;
      if (!this.#isClosed && this.#session.peer !== undefined)
        this.#guard(() => this.#session.sendCommitted());
    });
  }

  tick(): void {
    this.#guard(() => this.#session.tick());
  }

  /** Does `work`, sends what comes of it; a broken protocol ends this feed. */
  #guard(work: () => void): void {
    try {
      work();
      this.#send();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#send();
      this.end();
    }
  }

  #send(): void {
    for (const frame of this.#session.takeFrames()) this.#options.channel.send(frame);
  }

  /** Reads and sends for as long as there is something to read and room to send it. */
  pump(): void {
    if (this.#isPumping || this.#isClosed || this.#session.nextRead() === undefined) return;
    if (this.#hasToGather()) return;
    this.#isPumping = true;
    this.#pumpAll()
      .catch((error: unknown) => {
        this.end();
        this.#options.onFailure(error);
      })
      .finally(() => {
        this.#isPumping = false;
        // Something may have become readable between the last look and now.
        this.pump();
      });
  }

  /** Whether what there is to send waits for more; then it is pumped later. */
  #hasToGather(): boolean {
    const { runtime } = this.#options;
    const waitMs = this.#sentAtMs + GATHER_MS - runtime.monotonicMs();
    if (waitMs <= 0 || this.#session.readableEntries >= GATHERED_ENTRIES) return false;
    if (this.#isGathering) return true;
    this.#isGathering = true;
    runtime.after(waitMs, () => {
      this.#isGathering = false;
      this.pump();
    });
    return true;
  }

  async #pumpAll(): Promise<void> {
    const { runtime } = this.#options;
    let turnBytes = 0;
    for (let read = this.#session.nextRead(); read !== undefined; read = this.#session.nextRead()) {
      let entries: Uint8Array[];
      try {
        entries = await read.partition.read(read.fromLsn, read.bytesMax);
      } catch (error) {
        if (this.#isClosed) return;
        this.#failRead(read, error);
        continue;
      }
      if (this.#isClosed) return;
      this.#session.completeRead(read, entries, runtime.monotonicMs());
      if (this.#session.nextRead() === undefined) {
        this.#sentAtMs = runtime.monotonicMs();
        this.#session.flush(this.#sentAtMs);
      }
      this.#send();
      for (const entry of entries) turnBytes += entry.length;
      if (turnBytes < TURN_BYTES) continue;
      turnBytes = 0;
      await new Promise<void>((resolve) => runtime.soon(resolve));
      if (this.#isClosed) return;
    }
  }

  #failRead(read: Parameters<SourceSession['failRead']>[0], error: unknown): void {
    const isDropped = this.#options.table.get(read.partition.number) !== read.partition;
    if (isDropped) this.#session.markDropped(read.partition.number);
    else if (error instanceof RangeError) this.#session.failRead(read);
    else throw error instanceof Error ? error : new LogDamagedError(String(error));
    this.#send();
  }

  /** Ends without a word: the puller notices by the channel. */
  end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.channel.close();
    this.#options.onEnd(this);
  }
}
