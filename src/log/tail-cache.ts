const ARENA_BYTES = 2 << 20;

interface Arena {
  readonly segment: number;
  /** Offset in the segment of the first byte. */
  readonly start: number;
  readonly buffer: Buffer;
  used: number;
}

/**
 * The newest bytes of the stream. Groups are put together in it, written to disk from it, and read from it
 * by whoever follows the tail. Its memory is used again and again: left to the garbage collector it would
 * be all that is ever written, in pieces that live long enough to need a major collection each few seconds.
 */
export class TailCache {
  readonly #bytesMax: number;
  readonly #arenas: Arena[] = [];
  #bytes = 0;
  /** Of the arena that was let go last. */
  #free: Buffer | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Space to put `bytes` together that will stand at `offset` of `segment`. What was reserved before is on
   * the disk by then: its memory may be given anew.
   */
  reserve(segment: number, offset: number, bytes: number): Buffer {
    let arena = this.#arenas.at(-1);
    const follows = arena !== undefined && arena.segment === segment && arena.start + arena.used === offset;
    if (arena === undefined || !follows || arena.used + bytes > arena.buffer.length) {
      const buffer = this.#allocate(bytes);
      arena = { segment, start: offset, buffer, used: 0 };
      this.#arenas.push(arena);
      this.#bytes += buffer.length;
      this.#evict();
    }
    arena.used += bytes;
    return arena.buffer.subarray(arena.used - bytes, arena.used);
  }

  /**
   * All cached bytes from `offset` of `segment` on; undefined when the byte there is not cached. They hold
   * until something is reserved: take what you need before you wait for anything.
   */
  find(segment: number, offset: number): Buffer | undefined {
    // From the newest back: whoever reads from here reads near the tail.
    for (let index = this.#arenas.length - 1; index >= 0; index--) {
      const arena = this.#arenas[index];
      if (arena === undefined || arena.segment < segment) return undefined;
      const from = offset - arena.start;
      if (arena.segment === segment && from >= 0 && from < arena.used) {
        return arena.buffer.subarray(from, arena.used);
      }
    }
    return undefined;
  }

  #allocate(bytes: number): Buffer {
    const size = Math.max(bytes, Math.min(ARENA_BYTES, this.#bytesMax >> 2));
    const free = this.#free;
    if (free?.length !== size) return Buffer.allocUnsafeSlow(size);
    this.#free = undefined;
    return free;
  }

  #evict(): void {
    while (this.#bytes > this.#bytesMax && this.#arenas.length > 1) {
      this.#free = this.#arenas.shift()?.buffer;
      this.#bytes -= this.#free?.length ?? 0;
    }
  }
}
