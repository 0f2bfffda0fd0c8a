/**
 * The four session guarantees, for one partition set: every answer names the vector of the state that it
 * comes from, and every version the vector of what its writer had seen.
 */
export interface SessionOperation {
  readonly session: string;
  readonly kind: 'read' | 'write';
  readonly key: string;
  /** From the answer's session token. */
  readonly vector: Vector;
  /** The version that was read or written; undefined when nothing was found, or something deleted. */
  readonly version: string | undefined;
}

/** Per origin, the highest n. */
export type Vector = ReadonlyMap<number, number>;

export interface Version {
  readonly origin: number;
  readonly n: number;
  /** What its writer had seen. */
  readonly context: Vector;
}

/** What is wrong, if anything is. `operations`: all of one session in the order in which they were made. */
export function checkSession(
  operations: readonly SessionOperation[],
  versionOf: (name: string) => Version | undefined,
): string[] {
  const problems: string[] = [];
  const seen = new Map<number, number>();
  const last = new Map<string, Version>();
  for (const [place, { session, kind, key, vector, version: name }] of operations.entries()) {
    const where = `session ${session}, operation ${place + 1} (${kind} of ${key})`;
    for (const [origin, n] of seen) {
      if ((vector.get(origin) ?? 0) < n) {
        problems.push(`${where} comes from a state without ${origin}.${n}, which the session had seen`);
      }
    }
    for (const [origin, n] of vector) seen.set(origin, Math.max(seen.get(origin) ?? 0, n));
    if (name === undefined) continue;
    const version = versionOf(name);
    if (version === undefined) {
      problems.push(`${where}: nobody wrote ${name}`);
      continue;
    }
    if ((vector.get(version.origin) ?? 0) < version.n) {
      problems.push(`${where}: the token does not cover ${name}`);
    }
    const before = last.get(key);
    if (before !== undefined && before !== version && covers(before.context, version)) {
      problems.push(`${where} finds ${name}, older than what the session had seen`);
    }
    last.set(key, version);
  }
  return problems;
}

function covers(vector: Vector, { origin, n }: Version): boolean {
  return (vector.get(origin) ?? 0) >= n;
}
