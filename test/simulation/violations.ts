/** Invariants of facts/global-distribution.md, section 2.15, and a few of the simulation's own. */
export type Invariant =
  | 'I1 equal vectors, equal state'
  | 'I2 quiet regions have equal vectors'
  | 'I3 acknowledged writes are visible, covered or beaten'
  | 'I4 nothing out of thin air, nothing twice'
  | 'I5 one dot, one content; contiguous positions'
  | 'I6 causal order'
  | 'I7 visible is a function of the set of operations'
  | 'I10 one visible item for each unique value'
  | 'I11 session token promise'
  | 'I12 a merge procedure decides once'
  | 'I13 conflicts are what lost and was not dealt with'
  | 'I14 transactions are whole'
  | 'I16 what the level promises'
  | 'I18 only what everybody has is collected'
  | 'I19 acknowledged is durable'
  | 'I20 siblings and marks go away'
  | 'transactions on lists are serializable'
  | 'session guarantees'
  | 'causal consistency'
  | 'hybrid time follows causality'
  | 'a read shows what the region had'
  | 'the process goes on'
  | 'one seed, one story';

export interface Violation {
  readonly invariant: Invariant;
  readonly message: string;
  readonly atMs: number;
}

/** Collects what went wrong; the first few are enough. */
export class Violations {
  readonly list: Violation[] = [];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  report(invariant: Invariant, message: string): void {
    if (this.list.length < 20) this.list.push({ invariant, message, atMs: this.#nowMs() });
  }
}
