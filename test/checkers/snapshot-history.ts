/** Transactions seen whole: whoever sees one change of a transaction sees all of them, or later ones. */
export interface SeenItem {
  readonly key: string;
  /** The transaction whose version was found; undefined when nothing was. */
  readonly transaction: string | undefined;
}

export interface SnapshotOrder {
  /** The keys that a transaction wrote. */
  readonly keysOf: (transaction: string) => readonly string[];
  /** Whether `later` wrote the item after having seen what `earlier` wrote to it, or beats it. */
  readonly isLater: (key: string, later: string, earlier: string) => boolean;
}

/** What is wrong with one snapshot of several items, if anything is. */
export function checkSnapshot(seen: readonly SeenItem[], { keysOf, isLater }: SnapshotOrder): string[] {
  const found = new Map(seen.map(({ key, transaction }) => [key, transaction]));
  const problems: string[] = [];
  for (const { key, transaction } of seen) {
    if (transaction === undefined) continue;
    for (const other of keysOf(transaction)) {
      if (other === key || !found.has(other)) continue;
      const there = found.get(other);
      if (there === transaction) continue;
      if (there === undefined || !isLater(other, there, transaction)) {
        problems.push(`${key} shows ${transaction}, ${other} still ${there ?? 'nothing'}`);
      }
    }
  }
  return problems;
}
