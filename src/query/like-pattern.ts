/** One character of the text (a UTF-16 unit, as LENGTH counts), or any run of them. */
type Step =
  | { readonly kind: 'run' }
  | { readonly kind: 'any' }
  | { readonly kind: 'unit'; readonly unit: number }
  | {
      readonly kind: 'set';
      readonly isNegated: boolean;
      readonly ranges: readonly (readonly [number, number])[];
    };

/** A LIKE pattern made ready to match. */
export type LikePattern = readonly Step[];

/**
 * `%` any run, `_` one character, `[a-d]` one of a set, `[^a-d]` one not in it; `escapeWith` takes the next
 * character literally. Undefined for a pattern that ends inside a set or behind its escape character.
 */
export function compileLike(pattern: string, escapeWith: string | undefined): LikePattern | undefined {
  const steps: Step[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern.charAt(i);
    if (character === escapeWith) {
      i++;
      if (i >= pattern.length) return undefined;
      steps.push({ kind: 'unit', unit: pattern.charCodeAt(i) });
    } else if (character === '%') {
      if (steps[steps.length - 1]?.kind !== 'run') steps.push({ kind: 'run' });
    } else if (character === '_') {
      steps.push({ kind: 'any' });
    } else if (character === '[') {
      const close = pattern.indexOf(']', i + 1);
      if (close < 0) return undefined;
      steps.push(parseSet(pattern.slice(i + 1, close)));
      i = close;
    } else {
      steps.push({ kind: 'unit', unit: pattern.charCodeAt(i) });
    }
  }
  return steps;
}

function parseSet(body: string): Step {
  const isNegated = body.startsWith('^');
  const members = isNegated ? body.slice(1) : body;
  const ranges: [number, number][] = [];
  for (let i = 0; i < members.length; i++) {
    const low = members.charCodeAt(i);
    const isRange = members.charAt(i + 1) === '-' && i + 2 < members.length;
    if (isRange) i += 2;
    ranges.push([low, members.charCodeAt(i)]);
  }
  return { kind: 'set', isNegated, ranges };
}

/**
 * Whether the whole text matches. When a step fails, only the run seen last takes one character more:
 * earlier runs need no second look, so the work is at most text length × number of steps. A regular
 * expression made from the pattern could be led into trying all combinations of runs.
 */
export function matchesLike(steps: LikePattern, text: string): boolean {
  let at = 0;
  let step = 0;
  let runStep = -1;
  let runAt = 0;
  while (at < text.length) {
    const current = steps[step];
    if (current !== undefined && current.kind === 'run') {
      runStep = step;
      runAt = at;
      step++;
    } else if (current !== undefined && matchesUnit(current, text.charCodeAt(at))) {
      at++;
      step++;
    } else if (runStep >= 0) {
      step = runStep + 1;
      runAt++;
      at = runAt;
    } else {
      return false;
    }
  }
  while (steps[step]?.kind === 'run') step++;
  return step === steps.length;
}

function matchesUnit(step: Exclude<Step, { kind: 'run' }>, unit: number): boolean {
  switch (step.kind) {
    case 'any':
      return true;
    case 'unit':
      return step.unit === unit;
    case 'set':
      return step.ranges.some(([low, high]) => low <= unit && unit <= high) !== step.isNegated;
  }
}

/** The text that every match starts with, and whether matching means just that. */
export function likePrefix(
  pattern: string,
  escapeWith: string | undefined,
): { prefix: string; isWhole: boolean } {
  let end = 0;
  while (end < pattern.length && !'%_['.includes(pattern.charAt(end)) && pattern.charAt(end) !== escapeWith)
    end++;
  return { prefix: pattern.slice(0, end), isWhole: pattern.slice(end) === '%' };
}
