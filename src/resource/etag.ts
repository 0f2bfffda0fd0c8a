/** What makes one write unlike all others: its dot, and its hybrid time for writes of unrelated logs. */
export interface EtagSource {
  /** From 0 to 2^11 - 1; 0 for what the directory writes. */
  readonly origin: number;
  /** Below 2^53. */
  readonly n: number;
  /** Hybrid time, below 2^53. */
  readonly time: number;
}

/**
 * A quoted text in the form of a GUID, the quotes being part of the value; different for different sources.
 */
export function formatEtag({ origin, n, time }: EtagSource): string {
  const nHigh = Math.floor(n / 2 ** 32);
  let at = writeHex(n >>> 0, 8, 1);
  at = writeHex(nHigh & 0xffff, 4, at + 1);
  at = writeHex(((nHigh >>> 16) << 11) | origin, 4, at + 1);
  const timeHigh = Math.floor(time / 2 ** 32);
  at = writeHex(timeHigh >>> 16, 4, at + 1);
  at = writeHex(timeHigh & 0xffff, 4, at + 1);
  writeHex(time >>> 0, 8, at);
  return etag.toString('latin1');
}

/** Put together in place and made a string once: every write makes two of them. */
const etag = Buffer.from('"00000000-0000-0000-0000-000000000000"');
const DIGITS = Buffer.from('0123456789abcdef');

/** Returns where the digits end. */
function writeHex(value: number, digits: number, start: number): number {
  const end = start + digits;
  for (let at = end - 1, rest = value; at >= start; at--, rest >>>= 4) etag[at] = DIGITS[rest & 15] as number;
  return end;
}
