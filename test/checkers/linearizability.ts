/**
 * Linearizability of one object of any kind: searches an order of its operations that respects real time and
 * that the object's specification allows (Wing and Gong, with Lowe's memory of dead ends). Exponential in the
 * number of operations that overlap, so histories are kept short; when the search is given up the answer is
 * 'unknown', which is a failure of the test's set-up and not a pass.
 */
export interface TimedOperation {
  readonly invokedAtMs: number;
  /** Infinity when nobody knows whether it happened. */
  readonly completedAtMs: number;
}

export interface Specification<O extends TimedOperation, S extends string> {
  readonly initial: S;
  /** The state afterwards; undefined when the operation could not have ended as it did. */
  readonly apply: (state: S, operation: O) => S | undefined;
}

export type Verdict = 'linearizable' | 'violation' | 'unknown';

const STATES_MAX = 200_000;

export function checkLinearizable<O extends TimedOperation, S extends string>(
  history: readonly O[],
  { initial, apply }: Specification<O, S>,
  statesMax = STATES_MAX,
): Verdict {
  const operations = [...history].sort((a, b) => a.invokedAtMs - b.invokedAtMs);
  let required = 0n;
  for (const [place, { completedAtMs }] of operations.entries()) {
    if (completedAtMs !== Number.POSITIVE_INFINITY) required |= 1n << BigInt(place);
  }
  const seen = new Set<string>();
  const open: { done: bigint; state: S }[] = [{ done: 0n, state: initial }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { done, state } = place;
    if ((done & required) === required) return 'linearizable';
    const name = `${done.toString(36)} ${state}`;
    if (seen.has(name)) continue;
    if (seen.size >= statesMax) return 'unknown';
    seen.add(name);
    for (const next of candidates(operations, done)) {
      const after = apply(state, operations[next] as O);
      if (after !== undefined) open.push({ done: done | (1n << BigInt(next)), state: after });
    }
  }
  return 'violation';
}

/** Operations that may be the next one: none that is left has ended before they began. */
function candidates(operations: readonly TimedOperation[], done: bigint): number[] {
  let firstEnd = Number.POSITIVE_INFINITY;
  const left: number[] = [];
  for (const [place, { invokedAtMs, completedAtMs }] of operations.entries()) {
    if (invokedAtMs > firstEnd) break;
    if ((done >> BigInt(place)) & 1n) continue;
    left.push(place);
    firstEnd = Math.min(firstEnd, completedAtMs);
  }
  return left.filter((place) => (operations[place]?.invokedAtMs ?? 0) <= firstEnd);
}

/** A register with compare-and-set, as If-Match makes one; `expected` undefined: unconditional. */
export interface CompareAndSet extends TimedOperation {
  readonly kind: 'read' | 'write' | 'refused';
  /** What was read or written. */
  readonly value?: string | undefined;
  /** What had to be there for the write, or for it not to be refused. */
  readonly expected?: string | undefined;
}

export const COMPARE_AND_SET: Specification<CompareAndSet, string> = {
  initial: '',
  apply: (state, { kind, value = '', expected }) => {
    if (kind === 'read') return state === value ? state : undefined;
    if (kind === 'refused') return state === expected ? undefined : state;
    return expected === undefined || expected === state ? value : undefined;
  },
};
