/** Marks kept at most; older ones are merged, which only makes ages seem greater. */
const MARKS_MAX = 64;
/** Writes that become durable within so many milliseconds share a mark. */
const SPACING_MS = 10;

interface Mark {
  /** The last of the writes that it stands for. */
  n: number;
  /** When the first of them became durable, on the monotonic clock. */
  readonly atMs: number;
}

/**
 * When this region's own writes of one partition became durable: enough to tell how old the oldest is that
 * somebody lacks, never younger than the truth. Pure.
 */
export class OwnWrites {
  #marks: Mark[] = [];
  /** Writes up to here were there before anybody took notes; their age is not known. */
  readonly #since: number;
  readonly #sinceMs: number;

  constructor(since: number, nowMs: number) {
    this.#since = since;
    this.#sinceMs = nowMs;
  }

  note(n: number, nowMs: number): void {
    const last = this.#marks.at(-1);
    if (n <= (last?.n ?? this.#since)) return;
    if (last !== undefined && nowMs - last.atMs < SPACING_MS) {
      last.n = n;
      return;
    }
    if (this.#marks.length >= MARKS_MAX) this.#thin();
    this.#marks.push({ n, atMs: nowMs });
  }

  /** Every second mark is swallowed by the one before it: same beginning, later end. */
  #thin(): void {
    const thinned: Mark[] = [];
    for (let at = 0; at < this.#marks.length; at += 2) {
      const mark = this.#marks[at];
      const next = this.#marks[at + 1];
      if (mark !== undefined) thinned.push({ n: next?.n ?? mark.n, atMs: mark.atMs });
    }
    this.#marks = thinned;
  }

  /**
   * Milliseconds since the first write after `acknowledged` became durable: 0 when there is none, infinite
   * when it was before anybody took notes.
   */
  ageAfter(acknowledged: number, nowMs: number): number {
    if (acknowledged < this.#since) return Number.POSITIVE_INFINITY;
    const mark = this.#marks.find((one) => one.n > acknowledged);
    return mark === undefined ? 0 : Math.max(0, nowMs - mark.atMs);
  }

  /** The same, counted from when notes began for what was before. */
  waitingMs(acknowledged: number, nowMs: number): number {
    return acknowledged < this.#since ? nowMs - this.#sinceMs : this.ageAfter(acknowledged, nowMs);
  }

  /** Forgets what everybody has. */
  prune(acknowledgedByAll: number): void {
    let done = 0;
    while (done < this.#marks.length && (this.#marks[done]?.n ?? 0) <= acknowledgedByAll) done++;
    if (done > 0) this.#marks.splice(0, done);
  }

  /** When the marks after `before` and up to `until` were made. */
  between(before: number, until: number): number[] {
    return this.#marks.filter((mark) => mark.n > before && mark.n <= until).map((mark) => mark.atMs);
  }
}
