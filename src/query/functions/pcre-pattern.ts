/**
 * The patterns of the language are those of PCRE, which searches by trying one way after the other; some
 * patterns make it try exponentially many. They run here on an engine whose work grows with the length of the
 * text only (RE2's), which spells a few things differently and cannot do others at all. This is the
 * translation.
 */

/** PCRE's white space classes, for use inside brackets. */
const HORIZONTAL = '\\t \\x{a0}\\x{1680}\\x{180e}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}';
const VERTICAL = '\\n\\x0b\\f\\r\\x{85}\\x{2028}\\x{2029}';

/** Before the end, and before a line feed that is the end. */
const BEFORE_END = '(?:\\n?\\z)';

const ESCAPES: Readonly<Record<string, string>> = {
  h: `[${HORIZONTAL}]`,
  H: `[^${HORIZONTAL}]`,
  v: `[${VERTICAL}]`,
  V: `[^${VERTICAL}]`,
  N: '[^\\n]',
  R: `(?:\\r\\n|[${VERTICAL}])`,
  e: '\\x1b',
};

const CLASS_ESCAPES: Readonly<Record<string, string>> = { h: HORIZONTAL, v: VERTICAL, e: '\\x1b' };

/** What a construct behind `(?` is when an automaton cannot do it. */
const GROUPS: readonly (readonly [start: RegExp, name: string])[] = [
  [/^[=!]/, 'a lookahead'],
  [/^>/, 'an atomic group'],
  [/^\|/, 'a branch reset'],
  [/^\(/, 'a conditional'],
  [/^(?:R|&|P>|P=|[+-]?\d)/, 'a recursion or back-reference'],
  [/^[a-zA-Z^-]*x/, 'the modifier x inside the pattern'],
];

export interface PatternOptions {
  /** The modifier x: white space and comments do not count. */
  readonly isExtended: boolean;
  /** The modifier m: `$` ends lines. */
  readonly isMultiline: boolean;
  /** Only whether there is a match is asked, so it does not matter how far it reaches. */
  readonly isTest: boolean;
}

export type Translation =
  | { readonly kind: 'pattern'; readonly source: string }
  | { readonly kind: 'unsupported'; readonly what: string };

/** Patterns that are no PCRE either are passed on as they are: the engine will say so. */
export function translatePattern(pattern: string, options: PatternOptions): Translation {
  return new Translator(pattern, options).run();
}

class Translator {
  readonly #pattern: string;
  readonly #options: PatternOptions;
  readonly #endIsText: boolean;
  #at = 0;
  #unsupported: string | undefined;

  constructor(pattern: string, options: PatternOptions) {
    this.#pattern = pattern;
    this.#options = options;
    // A modifier inside the pattern may change what `$` means half-way.
    this.#endIsText = options.isTest && !options.isMultiline && !/\(\?[a-zA-Z-]*m/.test(pattern);
  }

  run(): Translation {
    let source = '';
    while (this.#at < this.#pattern.length && this.#unsupported === undefined) source += this.#step();
    if (this.#unsupported !== undefined) return { kind: 'unsupported', what: this.#unsupported };
    return { kind: 'pattern', source };
  }

  /** The next piece of the pattern, translated. */
  #step(): string {
    const character = this.#pattern.charAt(this.#at);
    switch (character) {
      case '\\':
        return this.#escape();
      case '[':
        return this.#class();
      case '(':
        return this.#group();
      case '$':
        return this.#emit(1, this.#endIsText ? BEFORE_END : '$');
      case '*':
      case '+':
      case '?':
      case '}':
        // `{` may stand for itself; then RE2 would refuse the plus, and so does this.
        if (this.#pattern.charAt(this.#at + 1) === '+') return this.#refuse('a possessive quantifier');
        return this.#emit(1, character);
      default:
        if (this.#options.isExtended && /[\s#]/.test(character)) return this.#skipSpace(character);
        return this.#emit(1, character);
    }
  }

  #emit(consumed: number, text: string): string {
    this.#at += consumed;
    return text;
  }

  #refuse(what: string): string {
    this.#unsupported = what;
    return '';
  }

  #skipSpace(character: string): string {
    const lineEnd = this.#pattern.indexOf('\n', this.#at);
    if (character !== '#') this.#at++;
    else this.#at = lineEnd < 0 ? this.#pattern.length : lineEnd + 1;
    return '';
  }

  #escape(): string {
    const name = this.#pattern.charAt(this.#at + 1);
    if (name === 'Q') {
      const end = this.#pattern.indexOf('\\E', this.#at);
      const until = end < 0 ? this.#pattern.length : end + 2;
      return this.#emit(until - this.#at, this.#pattern.slice(this.#at, until));
    }
    if (/[1-9gk]/.test(name)) return this.#refuse('a back-reference');
    if (/[KGXC]/.test(name)) return this.#refuse(`\\${name}`);
    if (name === 'Z') return this.#emit(2, BEFORE_END);
    if (name === 'c') return this.#control();
    return this.#emit(2, Object.hasOwn(ESCAPES, name) ? (ESCAPES[name] ?? '') : `\\${name}`);
  }

  #control(): string {
    const letter = this.#pattern.charAt(this.#at + 2).toUpperCase();
    if (!/[@-_]/.test(letter)) return this.#emit(2, '\\c');
    const code = letter.charCodeAt(0) ^ 0x40;
    return this.#emit(3, `\\x{${code.toString(16)}}`);
  }

  #class(): string {
    let i = this.#at + 1;
    if (this.#pattern.charAt(i) === '^') i++;
    // A bracket that closes nothing yet stands for itself.
    if (this.#pattern.charAt(i) === ']') i++;
    let members = this.#emit(i - this.#at, this.#pattern.slice(this.#at, i));
    while (this.#at < this.#pattern.length) {
      const character = this.#pattern.charAt(this.#at);
      if (character === ']') return members + this.#emit(1, ']');
      members += this.#member(character);
    }
    return members;
  }

  #member(character: string): string {
    const named = /^\[:\^?[a-z]+:\]/.exec(this.#pattern.slice(this.#at, this.#at + 16));
    if (named !== null) return this.#emit(named[0].length, named[0]);
    if (character !== '\\') return this.#emit(1, character === '[' ? '\\[' : character);
    const name = this.#pattern.charAt(this.#at + 1);
    return this.#emit(2, Object.hasOwn(CLASS_ESCAPES, name) ? (CLASS_ESCAPES[name] ?? '') : `\\${name}`);
  }

  #group(): string {
    if (this.#pattern.charAt(this.#at + 1) === '*') return this.#refuse('a verb');
    if (this.#pattern.charAt(this.#at + 1) !== '?') return this.#emit(1, '(');
    const rest = this.#pattern.slice(this.#at + 2);
    if (rest.startsWith('#')) {
      const end = rest.indexOf(')');
      return this.#emit(end < 0 ? rest.length + 2 : end + 3, '');
    }
    const refused = GROUPS.find(([start]) => start.test(rest));
    if (refused !== undefined) return this.#refuse(refused[1]);
    // What says which group it is, `?` included, is no quantifier.
    const kind = /^(?:<?[=!]|P?<\w+>|'\w+'|[a-zA-Z-]*[:)])/.exec(rest)?.[0] ?? '';
    return this.#emit(2 + kind.length, `(?${kind.replace(/^'(\w+)'/, '<$1>')}`);
  }
}
