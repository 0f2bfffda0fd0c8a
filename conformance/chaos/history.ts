import type { CausalOperation } from '../../test/checkers/causal-history.ts';
import type { RegisterOperation } from '../../test/checkers/register-history.ts';
import type { SessionOperation } from '../../test/checkers/session-history.ts';
import type { Addition } from '../../test/checkers/set-history.ts';

/** An element that was replaced, by nobody else and never again. */
export interface Change extends Addition {
  readonly value: string;
}

/** What all clients did and were told, in the order in which each of them did it. */
export class History {
  readonly additions: Addition[] = [];
  readonly changes: Change[] = [];
  causal: CausalOperation[] = [];
  readonly registers: RegisterOperation[] = [];
  readonly sessions = new Map<string, SessionOperation[]>();
  readonly outcomes = new Map<string, number>();
  /** By session and range: the last token. */
  readonly #tokens = new Map<string, Map<string, string>>();
  #count = 0;

  count(what: string): void {
    this.outcomes.set(what, (this.outcomes.get(what) ?? 0) + 1);
  }

  /** How many operations ended without an answer that told whether they had happened. */
  get unanswered(): number {
    return [...this.additions, ...this.changes].filter(({ isAcknowledged }) => isAcknowledged === undefined)
      .length;
  }

  /**
   * Takes away the writes to registers that did not happen, once everything has settled: each came in one
   * transaction with an element of `elements`, the set in the end.
   */
  settle(elements: ReadonlySet<string>): void {
    const hasHappened = (value: unknown) => elements.has(`element-${value}`);
    this.causal = this.causal.filter(
      ({ kind, value, isAcknowledged }) => kind === 'read' || isAcknowledged || hasHappened(value),
    );
    for (const operation of this.registers) {
      const isUnsure = operation.kind === 'write' && !Number.isFinite(operation.endMs);
      if (isUnsure) operation.isVoid = !hasHappened(operation.value);
    }
  }

  nextCount(): number {
    this.#count += 1;
    return this.#count;
  }

  /** Notes where an answer came from: the session token of the one range that the item lives in. */
  noteAnswer(session: string, operation: Pick<SessionOperation, 'kind' | 'key'>, token: string | undefined) {
    if (token === undefined) return;
    const tokens = this.#tokens.get(session) ?? new Map<string, string>();
    this.#tokens.set(session, tokens);
    for (const part of token.split(',')) {
      const { range, vector } = positionOf(part);
      tokens.set(range, part);
      const name = `${session} in range ${range}`;
      const operations = this.sessions.get(name) ?? [];
      operations.push({ ...operation, session: name, vector, version: undefined });
      this.sessions.set(name, operations);
    }
  }

  /** What the session is to send along: an answer that it was given after another has seen all that one had. */
  tokenOf(session: string): string | undefined {
    const tokens = this.#tokens.get(session);
    return tokens === undefined ? undefined : [...tokens.values()].join(',');
  }
}

/** Read here with a parser of our own, so that the product's cannot hide. */
function positionOf(part: string): { range: string; vector: Map<number, number> } {
  const [range = '', position = ''] = part.split(':');
  const locals = position.split('#').slice(2);
  const vector = new Map(
    locals.map((local): [number, number] => [Number(local.split('=')[0]), Number(local.split('=')[1])]),
  );
  return { range, vector };
}
