import { ProtocolError } from './frame-sequence.ts';

const LIMIT_BYTES_INITIAL = 16 * 1024;
const LIMIT_BYTES_MIN = 2 * 1024;
export const WINDOW_BYTES_MAX = 4 * 1024 * 1024;
const FRAME_BYTES_MAX = 256 * 1024;

/**
 * How much a source may have under way to one puller: bytes sent of which the puller has not said that it
 * holds them no longer. Bounds memory on both sides and in between.
 *
 * The limit follows the puller's pace, so that a slow link or a slow region has little queued before it and
 * news still gets through quickly: it grows by what is released promptly, and halves when a release takes
 * a second longer than the quickest one did.
 */
export class SendWindow {
  #limit = LIMIT_BYTES_INITIAL;
  #sent = 0;
  #released = 0;
  #marks: { readonly upto: number; readonly atMs: number }[] = [];
  #delayMsMin = Number.POSITIVE_INFINITY;
  /** Bytes sent when the limit was last halved: one verdict for everything that was under way then. */
  #halvedAt = 0;

  get unreleasedBytes(): number {
    return this.#sent - this.#released;
  }

  /** Bytes that may be sent now; negative when the limit shrank below what is under way. */
  get room(): number {
    return this.#limit - this.unreleasedBytes;
  }

  /** How large a frame should get: a part of the limit, so that there are some to pace by. */
  get frameBytes(): number {
    return Math.min(FRAME_BYTES_MAX, Math.max(512, this.#limit >> 2));
  }

  sendFrame(bytes: number, nowMs: number): void {
    this.#sent += bytes;
    this.#marks.push({ upto: this.#sent, atMs: nowMs });
  }

  /**
   * `total`: bytes that the puller released since the session began. @throws ProtocolError when it cannot
   * be.
   */
  release(total: number, nowMs: number): void {
    if (total > this.#sent) throw new ProtocolError('more was released than was sent');
    if (total <= this.#released) return;
    const bytes = total - this.#released;
    this.#released = total;
    let done = 0;
    let delayMs: number | undefined;
    for (const mark of this.#marks) {
      if (mark.upto > total) break;
      delayMs = nowMs - mark.atMs;
      done++;
    }
    if (delayMs === undefined) return;
    this.#marks.splice(0, done);
    this.#adapt(delayMs, bytes);
  }

  /**
   * Admits another window full beside what is under way: for what the puller needs before it can release
   * that.
   */
  expand(): void {
    const wanted = this.unreleasedBytes + LIMIT_BYTES_INITIAL * 4;
    this.#limit = Math.max(this.#limit, Math.min(wanted, 2 * WINDOW_BYTES_MAX));
  }

  #adapt(delayMs: number, bytes: number): void {
    this.#delayMsMin = Math.min(this.#delayMsMin, delayMs);
    if (delayMs <= 2 * this.#delayMsMin + 100) {
      this.#limit = Math.max(this.#limit, Math.min(WINDOW_BYTES_MAX, this.#limit + bytes));
    } else if (delayMs > 2 * this.#delayMsMin + 1_000 && this.#released > this.#halvedAt) {
      this.#limit = Math.max(LIMIT_BYTES_MIN, this.#limit >> 1);
      this.#halvedAt = this.#sent;
    }
  }
}
