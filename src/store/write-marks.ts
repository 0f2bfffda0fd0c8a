/**
 * Proof that no write was lost in the middle.
 *
 * LevelDB recovers from what it can read: a damaged record of its write-ahead log, or a manifest whose end
 * is cut off, costs single batches without a word, while later ones (and a position kept in them) survive.
 * So each batch carries its number in one of a ring of marks. On opening, the marks of the last batches must
 * all be there.
 */

/** How many of the last batches are checked. They cost about 20 bytes each. */
const RING = 1024;

/** Every key of the engine's own starts with this; keys of callers sort below it. */
export const RESERVED = Buffer.alloc(8, 0xff);

const MARK = Buffer.concat([RESERVED, Buffer.from('m')]);
const NUMBER_BYTES = 6;

/** Where the number of batch `n` (from 1) is kept until batch `n + RING` takes the place. */
export function markKey(n: number): Buffer {
  const key = Buffer.allocUnsafe(MARK.length + 2);
  MARK.copy(key);
  key.writeUInt16BE(n % RING, MARK.length);
  return key;
}

export function markValue(n: number): Buffer {
  const value = Buffer.allocUnsafe(NUMBER_BYTES);
  value.writeUIntBE(n, 0, NUMBER_BYTES);
  return value;
}

/**
 * The number of the last batch, 0 when there was none, given all pairs whose keys start with RESERVED;
 * undefined when an earlier batch is missing.
 */
export function lastMark(pairs: readonly (readonly [key: Buffer, value: Buffer])[]): number | undefined {
  const numbers = new Set<number>();
  let last = 0;
  for (const [key, value] of pairs) {
    if (!key.subarray(0, MARK.length).equals(MARK)) continue;
    if (key.length !== MARK.length + 2 || value.length !== NUMBER_BYTES) return undefined;
    const n = value.readUIntBE(0, NUMBER_BYTES);
    if (key.readUInt16BE(MARK.length) !== n % RING) return undefined;
    numbers.add(n);
    last = Math.max(last, n);
  }
  for (let n = last; n > Math.max(0, last - RING); n--) if (!numbers.has(n)) return undefined;
  return last;
}
