import type { CausalOperation } from '../../test/checkers/causal-history.ts';
import type { SessionOperation } from '../../test/checkers/session-history.ts';
import type { Addition } from '../../test/checkers/set-history.ts';

/** What all clients did and were told, in the order in which each of them did it. */
export class History {
  readonly additions: Addition[] = [];
  readonly causal: CausalOperation[] = [];
  readonly sessions = new Map<string, SessionOperation[]>();
  readonly outcomes = new Map<string, number>();

  count(what: string): void {
    this.outcomes.set(what, (this.outcomes.get(what) ?? 0) + 1);
  }

  /** Notes where an answer came from: the session token of the one range that the item lives in. */
  noteAnswer(session: string, operation: Pick<SessionOperation, 'kind' | 'key'>, token: string | undefined) {
    if (token === undefined) return;
    for (const [range, vector] of vectorsOf(token)) {
      const name = `${session} in range ${range}`;
      const operations = this.sessions.get(name) ?? [];
      operations.push({ ...operation, session: name, vector, version: undefined });
      this.sessions.set(name, operations);
    }
  }
}

/** Read here with a parser of our own, so that the product's cannot hide. */
function vectorsOf(token: string): [range: string, vector: Map<number, number>][] {
  return token.split(',').map((part) => {
    const [range = '', position = ''] = part.split(':');
    const locals = position.split('#').slice(2);
    const vector = new Map(
      locals.map((local): [number, number] => [Number(local.split('=')[0]), Number(local.split('=')[1])]),
    );
    return [range, vector];
  });
}
