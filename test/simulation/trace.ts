/** How many of the last lines are kept to show what led to a violation. */
const RECENT_LINES_MAX = 256;
const PRIME = 0x01000193;
const OTHER_PRIME = 0x5bd1e995;

/**
 * What happened, one line for each event. Two runs of one seed must tell the same lines: the running hash
 * shows whether they do. Lines are put together only for who reads them, since most runs are read by nobody.
 */
export class Trace {
  readonly #sink: ((line: string) => void) | undefined;
  readonly #time = new Float64Array(1);
  readonly #timeWords = new Uint32Array(this.#time.buffer);
  #hash = 0x811c9dc5;
  #otherHash = 0x9747b28c;
  #lines = 0;
  readonly #recent: { atMs: number; who: string; what: string }[] = [];

  /** `sink` gets every line, for reading along. */
  constructor(sink?: (line: string) => void) {
    this.#sink = sink;
  }

  get lines(): number {
    return this.#lines;
  }

  /** `what` happened to `who` at `atMs`, in simulated milliseconds. */
  record(atMs: number, who: string, what: string): void {
    this.#time[0] = atMs;
    this.#mix(this.#timeWords[0] ?? 0);
    this.#mix(this.#timeWords[1] ?? 0);
    for (let place = 0; place < who.length; place++) this.#mix(who.charCodeAt(place));
    for (let place = 0; place < what.length; place++) this.#mix(what.charCodeAt(place));
    const place = this.#lines % RECENT_LINES_MAX;
    this.#lines += 1;
    const oldest = this.#recent[place];
    if (oldest === undefined) this.#recent.push({ atMs, who, what });
    else {
      oldest.atMs = atMs;
      oldest.who = who;
      oldest.what = what;
    }
    this.#sink?.(lineOf(atMs, who, what));
  }

  /** The newest lines, oldest first; at most 256. */
  recent(count: number): string[] {
    const newest = this.#lines % RECENT_LINES_MAX;
    const inOrder = [...this.#recent.slice(newest), ...this.#recent.slice(0, newest)];
    return inOrder.slice(-count).map(({ atMs, who, what }) => lineOf(atMs, who, what));
  }

  /** Hash of all lines so far; recording may go on. */
  digest(): string {
    return [this.#hash, this.#otherHash].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #mix(word: number): void {
    this.#hash = Math.imul(this.#hash ^ word, PRIME);
    const mixed = Math.imul(this.#otherHash ^ word, OTHER_PRIME);
    this.#otherHash = mixed ^ (mixed >>> 15);
  }
}

function lineOf(atMs: number, who: string, what: string): string {
  return `${atMs.toFixed(3)} ${who} ${what}`;
}
