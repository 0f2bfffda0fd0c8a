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
  scratch.writeUInt32BE(n >>> 0, 0);
  scratch.writeUInt16BE(nHigh & 0xffff, 4);
  scratch.writeUInt16BE(((nHigh >>> 16) << 11) | origin, 6);
  scratch.writeUInt32BE(Math.floor(time / 2 ** 32), 8);
  scratch.writeUInt32BE(time >>> 0, 12);
  const hex = scratch.toString('hex');
  const count = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}`;
  return `"${count}-${hex.slice(16, 20)}-${hex.slice(20)}"`;
}

const scratch = Buffer.alloc(16);
