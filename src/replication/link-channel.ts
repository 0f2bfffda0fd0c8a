import { assert, ByteReader, ByteWriter } from '../base/index.ts';
import type { Cancel, Channel, Runtime } from '../runtime/index.ts';

/** What the faults amount to for one direction of one link. */
export interface Condition {
  readonly isCut: boolean;
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly duplicate: number;
  readonly reorder: number;
  /** Infinite when not throttled. */
  readonly entriesPerSecond: number;
}

/** How long connecting over a cut link takes to fail. */
export const CONNECT_TIMEOUT_MS = 1_000;
/** How long a channel that was accepted may take to say who opened it. */
const NAME_TIMEOUT_MS = 10_000;
/** A frame that is overtaken, or comes again, is late by up to this, besides the link's own delay. */
const DISORDER_MS = 30;

/** One direction of one link: its condition now, and the pace that all its channels share. */
export class Direction {
  readonly from: string;
  readonly to: string;
  condition: Condition;
  /** When a throttled link admits the next entries, on the monotonic clock. */
  nextFreeMs = 0;
  readonly channels = new Set<LinkChannel>();

  constructor(from: string, to: string, condition: Condition) {
    this.from = from;
    this.to = to;
    this.condition = condition;
  }
}

export interface LinkChannelOptions {
  readonly runtime: Runtime;
  /** How many entries a frame counts for on a throttled link; frames of weight 0 pass it freely. */
  readonly weigh: (frame: Uint8Array) => number;
}

interface Queued {
  readonly frame: Uint8Array;
  readonly weight: number;
  /** Earliest moment of its delivery, on the monotonic clock. */
  dueMs: number;
}

/** The sending side of a channel under the conditions of its link. Receiving is the other side's sending. */
export class LinkChannel implements Channel {
  readonly #base: Channel;
  readonly #direction: Direction;
  readonly #options: LinkChannelOptions;
  /**
   * Frames that keep their order: weightless ones, and ones that a throttle may hold up, which the others
   * pass by.
   */
  readonly #light: Queued[] = [];
  readonly #heavy: Queued[] = [];
  /** Frames that go when their time comes, whatever the others do. */
  readonly #stray = new Set<Queued>();
  #queuedBytes = 0;
  #cancelWake: Cancel | undefined;
  #hasLost = false;
  #isClosed = false;
  #onClose: (() => void) | undefined;

  constructor(base: Channel, direction: Direction, options: LinkChannelOptions) {
    this.#base = base;
    this.#direction = direction;
    this.#options = options;
    direction.channels.add(this);
    base.onClose(() => this.#end());
  }

  get queuedBytes(): number {
    return this.#queuedBytes + this.#base.queuedBytes;
  }

  onFrame(handler: (frame: Buffer) => void): void {
    this.#base.onFrame((frame) => {
      if (!this.#isClosed) handler(frame);
    });
  }

  onClose(handler: () => void): void {
    assert(this.#onClose === undefined, 'a channel has one owner');
    this.#onClose = handler;
  }

  send(frame: Uint8Array): void {
    if (this.#isClosed) return;
    const { condition } = this.#direction;
    if (condition.isCut) {
      this.#hasLost = true;
      return;
    }
    if (this.#hasLost) {
      this.#break();
      return;
    }
    const { runtime } = this.#options;
    if (condition.duplicate > 0 && runtime.random() < condition.duplicate) this.#sendStray(frame, condition);
    // A throttled link is paced by its order.
    const mayStray = condition.reorder > 0 && condition.entriesPerSecond === Number.POSITIVE_INFINITY;
    if (mayStray && runtime.random() < condition.reorder) {
      this.#sendStray(frame, condition);
      return;
    }
    this.#sendInOrder(frame, condition);
  }

  #nowMs(): number {
    return this.#options.runtime.monotonicMs();
  }

  #sendStray(frame: Uint8Array, condition: Condition): void {
    const latenessMs = this.#options.runtime.random() * (DISORDER_MS + condition.delayMs);
    this.#stray.add({ frame, weight: 0, dueMs: this.#nowMs() + condition.delayMs + latenessMs });
    this.#queuedBytes += frame.length;
    this.#wake();
  }

  #sendInOrder(frame: Uint8Array, condition: Condition): void {
    const weight = this.#options.weigh(frame);
    const queue = weight === 0 ? this.#light : this.#heavy;
    const jitterMs = condition.jitterMs === 0 ? 0 : condition.jitterMs * this.#options.runtime.random();
    const delayMs = condition.delayMs + jitterMs;
    if (queue.length === 0 && delayMs === 0 && this.#isAdmitted(weight)) {
      this.#base.send(frame);
      return;
    }
    const dueMs = Math.max(this.#nowMs() + delayMs, queue.at(-1)?.dueMs ?? 0);
    queue.push({ frame, weight, dueMs });
    this.#queuedBytes += frame.length;
    this.#wake();
  }

  /** Whether the throttle lets the frame pass now; if so, it is paid for by those that follow. */
  #isAdmitted(weight: number): boolean {
    const direction = this.#direction;
    const { entriesPerSecond } = direction.condition;
    if (weight === 0 || entriesPerSecond === Number.POSITIVE_INFINITY) return true;
    const nowMs = this.#nowMs();
    if (nowMs < direction.nextFreeMs) return false;
    direction.nextFreeMs = Math.max(nowMs, direction.nextFreeMs) + (weight / entriesPerSecond) * 1_000;
    return true;
  }

  /** Faults came or went: what is under way should not suffer longer from one that is gone. */
  conditionChanged(): void {
    const { delayMs, jitterMs } = this.#direction.condition;
    const latestMs = this.#nowMs() + delayMs + jitterMs;
    for (const queue of [this.#light, this.#heavy]) {
      for (const queued of queue) queued.dueMs = Math.min(queued.dueMs, latestMs);
    }
    for (const queued of this.#stray) queued.dueMs = Math.min(queued.dueMs, latestMs + DISORDER_MS);
    this.#wake();
  }

  #wake(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const queued of this.#stray) nextMs = Math.min(nextMs, queued.dueMs);
    const light = this.#light[0];
    if (light !== undefined) nextMs = Math.min(nextMs, light.dueMs);
    const heavy = this.#heavy[0];
    if (heavy !== undefined) nextMs = Math.min(nextMs, Math.max(heavy.dueMs, this.#direction.nextFreeMs));
    if (nextMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(0, nextMs - this.#nowMs());
    this.#cancelWake = this.#options.runtime.after(delayMs, () => this.#deliver());
  }

  #deliver(): void {
    this.#cancelWake = undefined;
    const nowMs = this.#nowMs();
    for (const queued of this.#stray) {
      if (queued.dueMs > nowMs) continue;
      this.#stray.delete(queued);
      this.#deliverOne(queued);
    }
    for (const queue of [this.#light, this.#heavy]) {
      let done = 0;
      for (const queued of queue) {
        if (queued.dueMs > nowMs || !this.#isAdmitted(queued.weight)) break;
        done++;
        this.#deliverOne(queued);
      }
      queue.splice(0, done);
    }
    if (!this.#isClosed) this.#wake();
  }

  #deliverOne({ frame }: Queued): void {
    this.#queuedBytes -= frame.length;
    // What was under way when the link was cut is lost too.
    if (this.#direction.condition.isCut) this.#hasLost = true;
    else if (!this.#hasLost) this.#base.send(frame);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#clear();
    // Over a cut link the other side does not even learn that we closed; it finds out by the silence.
    if (!this.#direction.condition.isCut) this.#base.close();
    else this.#closeLater();
  }

  #closeLater(): void {
    this.#options.runtime.after(CONNECT_TIMEOUT_MS, () => {
      if (this.#direction.condition.isCut) this.#closeLater();
      else this.#base.close();
    });
  }

  /** A connection that lost bytes cannot go on. */
  #break(): void {
    this.#base.close();
    this.#end();
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#clear();
    this.#onClose?.();
  }

  #clear(): void {
    this.#cancelWake?.();
    this.#direction.channels.delete(this);
    this.#light.length = 0;
    this.#heavy.length = 0;
    this.#stray.clear();
    this.#queuedBytes = 0;
  }
}

/** Tells the accepting side which region opened the channel: it has no other way to know. */
export function sayName(channel: Channel, region: string): void {
  channel.send(new ByteWriter(32).string(region).finish());
}

/**
 * Hands a channel on once its first frame has named the region that opened it. One that stays silent is
 * closed: whoever opened it may be gone without a word, and nobody else looks after it.
 */
export function acceptNamed(
  runtime: Pick<Runtime, 'after'>,
  channel: Channel,
  wrap: (channel: Channel, remote: string) => Channel,
  accept: (channel: Channel) => void,
): void {
  let named: NamedChannel | undefined;
  const cancelTimeout = runtime.after(NAME_TIMEOUT_MS, () => channel.close());
  channel.onFrame((frame) => {
    if (named !== undefined) {
      named.deliver(frame);
      return;
    }
    let remote: string;
    try {
      remote = new ByteReader(frame).string();
    } catch {
      channel.close();
      return;
    }
    cancelTimeout();
    named = new NamedChannel(channel);
    accept(wrap(named, remote));
  });
  channel.onClose(() => {
    cancelTimeout();
    named?.closed();
  });
}

/** A channel whose first frame was taken off. */
class NamedChannel implements Channel {
  readonly #base: Channel;
  #onFrame: ((frame: Buffer) => void) | undefined;
  #onClose: (() => void) | undefined;
  #early: Buffer[] = [];

  constructor(base: Channel) {
    this.#base = base;
  }

  get queuedBytes(): number {
    return this.#base.queuedBytes;
  }

  deliver(frame: Buffer): void {
    if (this.#onFrame === undefined) this.#early.push(frame);
    else this.#onFrame(frame);
  }

  closed(): void {
    this.#onClose?.();
  }

  send(frame: Uint8Array): void {
    this.#base.send(frame);
  }

  onFrame(handler: (frame: Buffer) => void): void {
    assert(this.#onFrame === undefined, 'a channel has one owner');
    this.#onFrame = handler;
    const early = this.#early;
    this.#early = [];
    for (const frame of early) handler(frame);
  }

  onClose(handler: () => void): void {
    this.#onClose = handler;
  }

  close(): void {
    this.#base.close();
  }
}
