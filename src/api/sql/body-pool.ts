/** A body that was put together here, and what gives its memory back. */
export interface PooledBody {
  readonly body: Buffer;
  /** To be called at the most once, when nothing reads `body` any more; never calling it wastes memory. */
  readonly release: () => void;
}

const SIZE_MIN = 16 << 10;
const SIZE_MAX = 1 << 20;

/**
 * Memory for the bodies of feed pages, used again when one has left. Each page is tens of kilobytes of which
 * every byte is overwritten; allocated anew for each answer, collecting them cost a sixth of a whole query.
 */
export class BodyPool {
  readonly #bytesMax: number;
  /** Free buffers by size, which is a power of two. */
  readonly #free = new Map<number, Buffer[]>();
  #freeBytes = 0;

  /** `bytesMax`: how much may lie free. Bodies above a megabyte are too rare to keep. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get freeBytes(): number {
    return this.#freeBytes;
  }

  take(length: number): PooledBody {
    if (length < SIZE_MIN || length > SIZE_MAX)
      return { body: Buffer.allocUnsafe(length), release: doNothing };
    const size = 2 ** Math.ceil(Math.log2(length));
    const buffer = this.#free.get(size)?.pop();
    if (buffer !== undefined) this.#freeBytes -= size;
    const whole = buffer ?? Buffer.allocUnsafeSlow(size);
    return { body: whole.subarray(0, length), release: () => this.#giveBack(whole) };
  }

  #giveBack(buffer: Buffer): void {
    if (this.#freeBytes + buffer.length > this.#bytesMax) return;
    this.#freeBytes += buffer.length;
    const list = this.#free.get(buffer.length);
    if (list === undefined) this.#free.set(buffer.length, [buffer]);
    else list.push(buffer);
  }
}

function doNothing(): void {}
