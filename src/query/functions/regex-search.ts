/**
 * Searches of regular expressions that can be left in the middle. The library searches a text at one go; over
 * a long one its automata are led along from here: the one that makes its states when they are needed, which
 * tells whether there is a match, and the one that follows all ways at once, which tells where, and which
 * takes over when the states become too many.
 */
import type { RE2JS } from 're2js';
import { assert, type Steps } from '../../base/index.ts';
import { placeSteps } from './text-search.ts';

/** Ways looked at between two moments at which others may have their turn, some 12 ns each. */
const LOOKS_PER_PIECE = 65_536;
/** What making a state costs for each instruction it stands for, in looks. */
const LOOKS_OF_STATE = 16;

/** Of the library's numbers: anchoring, the condition that a match begins with the text, and its end. */
const UNANCHORED = 0;
const ANCHORED = 1;
const AT_BEGIN = 4;
const END_TEXT = -1;

/** A text as the library reads it: `step` gives a character times 8, and how many units it has. */
interface Input {
  step(place: number): number;
  context(place: number): number;
  endPos(): number;
  index(automata: Automata, place: number): number;
}

interface State {
  readonly next: readonly (State | null)[] | null;
  readonly nextAnchored: readonly (State | null)[] | null;
  readonly isMatch: boolean;
  readonly nfaStates: readonly number[];
}

interface StateAutomaton {
  readonly failed: boolean;
  readonly numClasses: number;
  runeClass(rune: number): number;
  start(input: Input, place: number): State | null;
  stepOrReset(
    state: State,
    ofClass: number,
    rune: number,
    anchor: number,
    place: number,
    search: { resetPos: number },
  ): State | null;
}

interface Ways {
  readonly size: number;
  readonly mainThreads: number;
  clear(): void;
}

interface Lookbehinds {
  readonly pos: number;
}

interface WayAutomaton {
  readonly q0: Ways;
  readonly q1: Ways;
  matched: boolean;
  readonly matchcap: Int32Array;
  init(captures: number): void;
  add(to: Ways, at: number, place: number, captures: Int32Array, offset: number, context: number): void;
  step(
    from: Ways,
    to: Ways,
    place: number,
    next: number,
    rune: number,
    context: number,
    anchor: number,
    isEnd: boolean,
  ): void;
  spawnLookbehinds(ways: Ways, place: number, context: number): void;
  restoreLookbehinds(from: Lookbehinds, ways: Ways, context: number): void;
  saveLookbehinds(to: Lookbehinds, ways: Ways, place: number): void;
}

/** What a compiled pattern of the library (its version is pinned) is made of. */
interface Automata {
  readonly cond: number;
  readonly prefix: string;
  readonly prefixComplete: boolean;
  readonly numSubexp: number;
  readonly prefilter: { eval: (input: Input, place: number) => boolean } | null;
  readonly prog: { readonly start: number; readonly numLb: number };
  readonly dfa: StateAutomaton;
  match(text: string): boolean;
  get(): WayAutomaton | null;
  put(machine: WayAutomaton): void;
  doExecuteNFA(input: Input, place: number, anchor: number, captures: number): unknown;
  createLookbehindState(): Lookbehinds | null;
}

function inputOf(automata: Automata, text: string): Input {
  let made: Input | undefined;
  const reader = {
    executeEngine(input: Input) {
      made = input;
      return null;
    },
  };
  automata.match.call(reader as unknown as Automata, text);
  assert(made !== undefined, 'a search begins with an input made of the text');
  return made;
}

/** Searches in one text. */
export class RegexSearch {
  readonly #text: string;
  readonly #automata: Automata;
  readonly #input: Input;
  readonly #isAnchored: boolean;
  readonly #lookbehinds: Lookbehinds | null;
  #looks = 0;

  constructor(regex: RE2JS, text: string) {
    this.#text = text;
    this.#automata = regex.re2() as unknown as Automata;
    this.#input = inputOf(this.#automata, text);
    this.#isAnchored = (this.#automata.cond & AT_BEGIN) !== 0;
    this.#lookbehinds = this.#automata.createLookbehindState();
  }

  /** Whether there is a match. */
  *test(): Steps<boolean> {
    const { prefix, prefixComplete, prefilter, prog } = this.#automata;
    if (prefixComplete) return (yield* placeSteps(this.#text, prefix)) >= 0;
    if (prefilter?.eval(this.#input, 0) === false) return false;
    yield;
    const found = prog.numLb === 0 ? yield* this.#byStates() : undefined;
    return found ?? (yield* this.#byWays(0, 0)) !== undefined;
  }

  /** Start and end of the first match at or behind a place; to be asked for rising places. */
  *find(from: number): Steps<readonly [number, number] | undefined> {
    const { prefix, prefixComplete, numSubexp } = this.#automata;
    if (from > this.#text.length) return undefined;
    if (!prefixComplete || numSubexp > 0) return yield* this.#byWays(from, 2);
    const place = yield* placeSteps(this.#text, prefix, from);
    return place < 0 ? undefined : [place, place + prefix.length];
  }

  /** Where to look for the next match behind one. */
  behind([start, end]: readonly [number, number]): number {
    return start < end ? end : end + Math.max(1, end < this.#text.length ? this.#input.step(end) & 7 : 1);
  }

  get #isDue(): boolean {
    if (this.#looks < LOOKS_PER_PIECE) return false;
    this.#looks = 0;
    return true;
  }

  /** Undefined when the states become too many. */
  *#byStates(): Steps<boolean | undefined> {
    const { dfa } = this.#automata;
    const input = this.#input;
    const end = input.endPos();
    const isAnchored = this.#isAnchored;
    const anchor = isAnchored ? ANCHORED : UNANCHORED;
    const search = { resetPos: -1 };
    let state = dfa.failed ? null : dfa.start(input, 0);
    for (let place = 0; state !== null && place < end; ) {
      const step = input.step(place);
      const ofClass = dfa.runeClass(step >> 3);
      const known: State | null | undefined = (isAnchored ? state.nextAnchored : state.next)?.[ofClass];
      this.#looks += known ? 1 : LOOKS_OF_STATE * (1 + state.nfaStates.length);
      state = known ?? dfa.stepOrReset(state, ofClass, step >> 3, anchor, place, search);
      if (state?.isMatch) return true;
      if (isAnchored && state?.nfaStates.length === 0) return false;
      place += step & 7;
      if (this.#isDue) yield;
    }
    const last = state && dfa.stepOrReset(state, dfa.numClasses, END_TEXT, anchor, end, search);
    return last?.isMatch;
  }

  *#byWays(from: number, captures: 0 | 2): Steps<readonly [number, number] | undefined> {
    const automata = this.#automata;
    const machine = this.#takeMachine();
    machine.init(captures);
    machine.matched = false;
    yield* this.#follow(machine, from, captures);
    const { matched, matchcap } = machine;
    const found = [matchcap[0] as number, matchcap[1] as number] as const;
    automata.put(machine);
    return matched ? found : undefined;
  }

  /** One that nobody else uses meanwhile. */
  #takeMachine(): WayAutomaton {
    const automata = this.#automata;
    const known = automata.get();
    if (known !== null) return known;
    automata.doExecuteNFA(inputOf(automata, ''), 0, UNANCHORED, 0);
    const machine = automata.get();
    assert(machine !== null, 'a search leaves what it searched with');
    return machine;
  }

  *#follow(machine: WayAutomaton, from: number, captures: number): Steps<void> {
    const { prog, prefix } = this.#automata;
    const input = this.#input;
    let [ways, next] = [machine.q0, machine.q1];
    let place = this.#beginLookbehinds(machine, from);
    let context = input.context(place);
    let isSaved = this.#lookbehinds === null;
    for (;;) {
      if (ways.mainThreads === 0) {
        if (machine.matched || (this.#isAnchored && place !== 0)) break;
        if (prefix !== '' && ways.size === 0 && prog.numLb === 0) {
          const skipped = input.index(this.#automata, place);
          if (skipped < 0) break;
          place += skipped;
          context = input.context(place);
        }
      }
      if (place >= from) {
        if (!isSaved && this.#lookbehinds !== null) machine.saveLookbehinds(this.#lookbehinds, ways, place);
        isSaved = true;
        if (!machine.matched) {
          if (captures > 0) machine.matchcap[0] = place;
          machine.add(ways, prog.start, place, machine.matchcap, 0, context);
        }
      }
      this.#looks += 1 + ways.size;
      const step = input.step(place);
      const width = step & 7;
      context = input.context(place + width);
      machine.step(ways, next, place, place + width, step >> 3, context, UNANCHORED, width === 0);
      if (width === 0 || (captures === 0 && machine.matched)) break;
      place += width;
      [ways, next] = [next, ways];
      if (this.#isDue) yield;
    }
    ways.clear();
    next.clear();
  }

  /** Lookbehinds see what stands before; returns where to begin. */
  #beginLookbehinds(machine: WayAutomaton, from: number): number {
    const known = this.#lookbehinds;
    if (known === null) return from;
    const isKnown = known.pos >= 0 && known.pos <= from;
    const place = isKnown ? known.pos : 0;
    const context = this.#input.context(place);
    if (isKnown) machine.restoreLookbehinds(known, machine.q0, context);
    else machine.spawnLookbehinds(machine.q0, place, context);
    return place;
  }
}
