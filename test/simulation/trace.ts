import { createHash } from 'node:crypto';

/** How many of the last lines are kept to show what led to a violation. */
const RECENT_LINES_MAX = 4000;
const CHUNK_CHARACTERS = 1 << 16;

/**
 * What happened, one line for each event. Two runs of one seed must write the same lines: the running hash
 * tells.
 */
export class Trace {
  readonly #hash = createHash('sha1');
  readonly #sink: ((line: string) => void) | undefined;
  #chunk = '';
  #lines = 0;
  readonly #recent: string[] = [];

  /** `sink` gets every line, for reading along. */
  constructor(sink?: (line: string) => void) {
    this.#sink = sink;
  }

  get lines(): number {
    return this.#lines;
  }

  record(line: string): void {
    this.#lines += 1;
    this.#chunk += `${line}\n`;
    if (this.#chunk.length > CHUNK_CHARACTERS) this.#flush();
    this.#sink?.(line);
    this.#recent.push(line);
    if (this.#recent.length > 2 * RECENT_LINES_MAX) this.#recent.splice(0, RECENT_LINES_MAX);
  }

  /** The newest lines, oldest first. */
  recent(count: number): string[] {
    return this.#recent.slice(-count);
  }

  /** Hash of all lines so far; recording may go on. */
  digest(): string {
    this.#flush();
    return this.#hash.copy().digest('hex');
  }

  #flush(): void {
    this.#hash.update(this.#chunk);
    this.#chunk = '';
  }
}
