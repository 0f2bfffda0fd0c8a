const SLAB_BYTES = 64 << 10;
/** What is longer gets memory of its own: little of a slab is left over at its end. */
const SLICE_BYTES_MAX = SLAB_BYTES / 16;

/**
 * Memory for many small pieces that live for about as long as each other, and longer than what Buffer's own
 * pool is mostly used for. In that pool one of them keeps all its short-lived neighbours; the memory that is
 * held so counts as growth, and growth is what brings on major collections of garbage.
 */
export class ByteSlabs {
  #slab: Buffer = Buffer.alloc(0);
  #used = 0;

  /** `length` bytes that hold anything. They go when everything of their slab has gone. */
  take(length: number): Buffer {
    if (length > SLICE_BYTES_MAX) return Buffer.allocUnsafeSlow(length);
    if (this.#used + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += length;
    return this.#slab.subarray(from, this.#used);
  }
}
