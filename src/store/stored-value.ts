/**
 * Values as they are handed to classic-level, which must never be an empty one: for each empty value that is
 * put, its binding (3.0.0) loses 32 bytes for ever (it allocates a copy, and frees only copies that are not
 * empty). Index entries have no values, and a million items have more than ten million of them.
 *
 * So an empty value is stored as one FILLER, and a value of nothing but FILLERs gets one more.
 */
const FILLER = 0x1b;

const ONE_FILLER = Buffer.of(FILLER);
const EMPTY = Buffer.alloc(0);

export function toStored(value: Uint8Array): Uint8Array {
  if (value.length === 0) return ONE_FILLER;
  return isFilled(value) ? Buffer.concat([value, ONE_FILLER]) : value;
}

export function fromStored(stored: Buffer): Buffer {
  if (!isFilled(stored)) return stored;
  return stored.length === 1 ? EMPTY : stored.subarray(1);
}

/** Most values differ in their first byte, so this costs next to nothing. */
function isFilled(value: Uint8Array): boolean {
  for (let i = 0; i < value.length; i++) if (value[i] !== FILLER) return false;
  return true;
}
