/**
 * The other side does not keep the protocol, or the network lost frames: this session is over, a new one
 * may begin.
 */
export class ProtocolError extends Error {
  override name = 'ProtocolError';
}

/**
 * How long a missing frame may still arrive, in ticks: a reordering network is late, a cut one never
 * comes.
 */
const GAP_TICKS = 4;
const HELD_FRAMES_MAX = 10_000;
const HELD_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Brings the numbered frames of one lane back into order: a repeated frame is dropped, an early one held
 * until those before it are there. Frames count from 1.
 */
export class FrameSequence {
  #delivered = 0;
  readonly #held = new Map<number, Buffer>();
  #heldBytes = 0;
  #gapTicks = 0;

  /** Number of the last frame that was delivered in order. */
  get delivered(): number {
    return this.#delivered;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * The frames that are next in order, now that `frame` came. @throws ProtocolError when too much is
   * held.
   */
  accept(seq: number, frame: Buffer): Buffer[] {
    if (seq <= this.#delivered || this.#held.has(seq)) return [];
    if (seq !== this.#delivered + 1) {
      this.#hold(seq, frame);
      return [];
    }
    this.#delivered = seq;
    this.#gapTicks = 0;
    const due = [frame];
    while (this.#held.size > 0) {
      const next = this.#held.get(this.#delivered + 1);
      if (next === undefined) break;
      this.#delivered++;
      this.#held.delete(this.#delivered);
      this.#heldBytes -= next.length;
      due.push(next);
    }
    return due;
  }

  /** Call it at a steady pace. @throws ProtocolError when a frame has been missing for too long. */
  tick(): void {
    if (this.#held.size === 0) return;
    this.#gapTicks++;
    if (this.#gapTicks > GAP_TICKS) throw new ProtocolError(`frame ${this.#delivered + 1} was lost`);
  }

  #hold(seq: number, frame: Buffer): void {
    if (this.#held.size >= HELD_FRAMES_MAX || this.#heldBytes + frame.length > HELD_BYTES_MAX) {
      throw new ProtocolError('too many frames came out of order');
    }
    this.#held.set(seq, frame);
    this.#heldBytes += frame.length;
  }
}
