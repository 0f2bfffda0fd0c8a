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
  const place = ((nHigh >>> 16) * 2 ** 11 + origin) >>> 0;
  const count = `${hex(n >>> 0)}-${hex(nHigh).slice(4)}`;
  const moment = hex(Math.floor(time / 2 ** 32)) + hex(time >>> 0);
  return `"${count}-${hex(place).slice(4)}-${moment.slice(0, 4)}-${moment.slice(4)}"`;
}

/** Eight digits. */
function hex(value: number): string {
  return (value + 2 ** 32).toString(16).slice(1);
}
