/** Bounded staleness of one item with one writing region: how many versions, and how old, a read may miss. */
export interface StalenessBound {
  readonly operations: number;
  readonly ms: number;
}

export interface AcknowledgedWrite {
  readonly value: string;
  /** Its place in the order of all writes of the item. */
  readonly position: number;
  readonly completedAtMs: number;
}

export interface AnsweredRead {
  /** Undefined when nothing was found. */
  readonly value: string | undefined;
  readonly invokedAtMs: number;
}

/**
 * What is wrong, if anything is. A write counts as missed by a read when it was acknowledged before the read
 * began, and is newer than what was found. All times are of one clock.
 */
export function checkStaleness(
  {
    writes,
    reads,
  }: { readonly writes: readonly AcknowledgedWrite[]; readonly reads: readonly AnsweredRead[] },
  bound: StalenessBound,
): string[] {
  const positions = new Map(writes.map(({ value, position }) => [value, position]));
  const problems: string[] = [];
  for (const { value, invokedAtMs } of reads) {
    const found = value === undefined ? Number.NEGATIVE_INFINITY : positions.get(value);
    // Not acknowledged: nobody can say how many are missing.
    if (found === undefined) continue;
    const missed = writes.filter((one) => one.position > found && one.completedAtMs < invokedAtMs);
    const oldestMs = Math.min(...missed.map((one) => one.completedAtMs));
    const where = `a read at ${invokedAtMs} ms finds ${value ?? 'nothing'}`;
    if (missed.length > bound.operations) {
      problems.push(`${where}, ${missed.length} writes behind: ${bound.operations} are allowed`);
    }
    if (invokedAtMs - oldestMs > bound.ms) {
      problems.push(`${where}, ${invokedAtMs - oldestMs} ms behind: ${bound.ms} are allowed`);
    }
  }
  return problems;
}
