/** A number that only increments change: exact up to those whose outcome nobody knows. */
export interface Increment {
  readonly by: number;
  /** False when it was refused for certain; undefined when nobody knows. */
  readonly isAcknowledged: boolean | undefined;
}

/** What is wrong, if anything is. `finals`: what each region shows once everything has settled. */
export function checkCounter(
  increments: readonly Increment[],
  finals: ReadonlyMap<string, number>,
  initial = 0,
): string[] {
  let [least, most] = [initial, initial];
  for (const { by, isAcknowledged } of increments) {
    if (isAcknowledged === true || (isAcknowledged === undefined && by < 0)) least += by;
    if (isAcknowledged === true || (isAcknowledged === undefined && by > 0)) most += by;
  }
  const problems: string[] = [];
  const [first] = finals.values();
  for (const [region, value] of finals) {
    if (value < least || value > most) problems.push(`${region} counts ${value}, not ${least} to ${most}`);
    if (value !== first) problems.push(`${region} counts ${value}, another region ${first}`);
  }
  return problems;
}
