import type { Steps } from '../base/index.ts';

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
export interface LikePattern {
  readonly steps: readonly Step[];
  /** Most steps between two runs. */
  readonly longest: number;
}

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
  let longest = 0;
  let length = 0;
  for (const { kind } of steps) {
    length = kind === 'run' ? 0 : length + 1;
    if (length > longest) longest = length;
  }
  return { steps, longest };
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

/** How far a match has come. */
interface MatchPlace {
  at: number;
  step: number;
  runStep: number;
  runAt: number;
}

/** Characters looked at between two moments at which others may have their turn. */
const CHARACTERS_PER_STEP = 32_768;

/**
 * Whether the whole text matches; undefined when that was not found out with so many looks: the next call
 * goes on. When a step fails, only the run seen last takes one character more: earlier runs need no second
 * look, so the work is at most text length × number of steps. A regular expression made from the pattern
 * could be led into trying all combinations of runs.
 */
function matchFrom(
  place: MatchPlace,
  steps: readonly Step[],
  text: string,
  most: number,
): boolean | undefined {
  let { at, step, runStep, runAt } = place;
  for (let looks = 0; at < text.length; looks++) {
    if (looks >= most) {
      Object.assign(place, { at, step, runStep, runAt });
      return undefined;
    }
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

/** Whether the whole text matches. */
export function matchesLike({ steps }: LikePattern, text: string): boolean {
  return matchFrom({ at: 0, step: 0, runStep: -1, runAt: 0 }, steps, text, Number.POSITIVE_INFINITY) === true;
}

/** The same in pieces. */
export function* likeSteps({ steps }: LikePattern, text: string): Steps<boolean> {
  const place: MatchPlace = { at: 0, step: 0, runStep: -1, runAt: 0 };
  for (;;) {
    const matches = matchFrom(place, steps, text, CHARACTERS_PER_STEP);
    if (matches !== undefined) return matches;
    yield;
  }
}

/**
 * Most work of a match, in looks: what stands between two runs may be compared at each place of the text.
 */
export function likeEffort({ longest }: LikePattern, text: string): number {
  return (text.length * (1 + longest)) / LOOKS_LIKE_EFFORT;
}

/** A look takes some 5 ns. */
const LOOKS_LIKE_EFFORT = 8;

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
