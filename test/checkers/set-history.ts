/** A set that only grows, and that is read whole: what became of each element (Jepsen's set-full). */
export interface Addition {
  readonly element: string;
  /** False when it was refused for certain; undefined when nobody knows. */
  readonly isAcknowledged: boolean | undefined;
}

export interface SetVerdict {
  /** Acknowledged and not there. */
  readonly lost: readonly string[];
  /** There, though nobody added it, or it was refused. */
  readonly unexpected: readonly string[];
  /** There more than once. */
  readonly duplicated: readonly string[];
  /** There, though nobody knew. */
  readonly recovered: readonly string[];
}

/** `final`: all elements, read after everything has settled. */
export function checkSet(additions: readonly Addition[], final: readonly string[]): SetVerdict {
  const counts = new Map<string, number>();
  for (const element of final) counts.set(element, (counts.get(element) ?? 0) + 1);
  const byElement = new Map(additions.map((addition) => [addition.element, addition.isAcknowledged]));
  const elements = [...counts.keys()];
  return {
    lost: [...byElement].filter(([name, known]) => known === true && !counts.has(name)).map(([name]) => name),
    unexpected: elements.filter((name) => !byElement.has(name) || byElement.get(name) === false),
    duplicated: [...counts].filter(([, count]) => count > 1).map(([name]) => name),
    recovered: elements.filter((name) => byElement.has(name) && byElement.get(name) === undefined),
  };
}
