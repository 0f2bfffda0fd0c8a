/**
 * Causal consistency of a history in which every value is written once, by the patterns that must not occur
 * (Bouajjani, Enea, Guerraoui, Hamza, "On verifying causal consistency", POPL 2017). The causal order is what
 * sessions did one after the other, and who read from whom. Deletes have no value to be told by: an item that
 * was ever deleted may be found missing at any time.
 */
export interface CausalOperation {
  readonly session: string;
  readonly kind: 'read' | 'write' | 'delete';
  readonly key: string;
  /** Undefined for a delete, and for a read that found nothing. */
  readonly value: string | undefined;
  /** False when nobody knows whether it happened: what its session did later does not depend on it. */
  readonly isAcknowledged: boolean;
}

/**
 * What is wrong, if anything is; `operations` in the order in which each session made them.
 * `isTotallyOrdered`: all writes of an item have one order that causality respects, as they have when the
 * latest hybrid time wins, and have not when a property decides.
 */
export function checkCausal(
  operations: readonly CausalOperation[],
  { isTotallyOrdered }: { readonly isTotallyOrdered: boolean },
): string[] {
  const graph = new CausalGraph(operations);
  if (graph.problems.length > 0) return graph.problems;
  const problems: string[] = [];
  for (const [place, read] of operations.entries()) {
    if (read.kind !== 'read') continue;
    const from = graph.writeOf(read.value);
    for (const write of graph.writesOf(read.key)) {
      if (!graph.isBefore(write, place)) continue;
      const value = operations[write]?.value;
      if (from === undefined) {
        if (!graph.wasDeleted(read.key)) problems.push(`${nameOf(read)} finds nothing after ${value}`);
      } else if (graph.isBefore(from, write)) {
        problems.push(`${nameOf(read)} finds ${read.value}, which ${value} had replaced`);
      } else if (isTotallyOrdered && from !== write) {
        // Who sees one of two concurrent writes although the other was there, has seen which of them wins.
        graph.order(write, from);
      }
    }
  }
  if (isTotallyOrdered && problems.length === 0 && graph.hasCycle()) {
    problems.push('two sessions saw concurrent writes win in different orders');
  }
  return problems;
}

function nameOf({ session, key }: CausalOperation): string {
  return `session ${session} reads ${key} and`;
}

class CausalGraph {
  readonly problems: string[] = [];
  readonly #operations: readonly CausalOperation[];
  readonly #next: number[][];
  /** Of each operation, one bit for each operation that is causally before it. */
  readonly #before: Uint32Array[] = [];
  readonly #writes = new Map<string, number>();
  readonly #byKey = new Map<string, number[]>();
  readonly #deleted = new Set<string>();
  readonly #ordered: number[][];

  constructor(operations: readonly CausalOperation[]) {
    this.#operations = operations;
    this.#next = operations.map(() => []);
    this.#ordered = operations.map(() => []);
    for (const [place, { kind, key, value }] of operations.entries()) {
      if (kind === 'delete') this.#deleted.add(key);
      if (kind !== 'write' || value === undefined) continue;
      this.#writes.set(value, place);
      this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), place]);
    }
    this.#connect();
    this.#close();
  }

  writeOf(value: string | undefined): number | undefined {
    return value === undefined ? undefined : this.#writes.get(value);
  }

  writesOf(key: string): readonly number[] {
    return this.#byKey.get(key) ?? [];
  }

  wasDeleted(key: string): boolean {
    return this.#deleted.has(key);
  }

  isBefore(one: number, other: number): boolean {
    return (((this.#before[other]?.[one >> 5] ?? 0) >>> (one & 31)) & 1) === 1;
  }

  /** Adds to the order in which writes win. */
  order(one: number, other: number): void {
    this.#ordered[one]?.push(other);
  }

  #connect(): void {
    const last = new Map<string, number>();
    for (const [place, { session, kind, key, value, isAcknowledged }] of this.#operations.entries()) {
      const before = last.get(session);
      if (before !== undefined) this.#next[before]?.push(place);
      if (isAcknowledged) last.set(session, place);
      if (kind !== 'read' || value === undefined) continue;
      const from = this.#writes.get(value);
      if (from === undefined || this.#operations[from]?.key !== key) {
        this.problems.push(`session ${session} reads ${value} of ${key}, which nobody wrote there`);
      } else this.#next[from]?.push(place);
    }
  }

  /** Goes through the operations in causal order and joins what is before them. */
  #close(): void {
    const words = (this.#operations.length + 31) >> 5;
    for (let place = 0; place < this.#operations.length; place++) this.#before.push(new Uint32Array(words));
    const order = sorted(this.#next);
    if (order === undefined) {
      this.problems.push('causality goes in a circle: something was read before it was written');
      return;
    }
    for (const place of order) {
      const own = this.#before[place] as Uint32Array;
      for (const next of this.#next[place] ?? []) {
        const theirs = this.#before[next] as Uint32Array;
        for (let word = 0; word < words; word++) theirs[word] = (theirs[word] ?? 0) | (own[word] ?? 0);
        theirs[place >> 5] = (theirs[place >> 5] ?? 0) | (1 << (place & 31));
      }
    }
  }

  hasCycle(): boolean {
    return sorted(this.#next.map((next, place) => [...next, ...(this.#ordered[place] ?? [])])) === undefined;
  }
}

/** The nodes of a graph in an order that all edges follow; undefined when it has a circle (Kahn). */
function sorted(next: readonly (readonly number[])[]): number[] | undefined {
  const incoming = new Uint32Array(next.length);
  for (const targets of next) for (const target of targets) incoming[target] = (incoming[target] ?? 0) + 1;
  const order = [...next.keys()].filter((place) => incoming[place] === 0);
  for (let done = 0; done < order.length; done++) {
    for (const target of next[order[done] as number] ?? []) {
      incoming[target] = (incoming[target] ?? 0) - 1;
      if (incoming[target] === 0) order.push(target);
    }
  }
  return order.length === next.length ? order : undefined;
}
