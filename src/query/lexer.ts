import { queryError, syntaxError } from './syntax-error.ts';

export type TokenKind = 'identifier' | 'keyword' | 'number' | 'string' | 'parameter' | 'symbol' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /**
   * Identifier as written, keyword in upper case, decoded string, parameter with its `@`, symbol as written
   * (`<>` as `!=`), empty at the end; a number's text.
   */
  readonly text: string;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** In UTF-16 units; the service publishes 512 KB. */
const QUERY_LENGTH_MAX = 524_288;

/**
 * Words that are never identifiers by themselves; after a dot, and as names of members, they are plain names.
 * Other words of the grammar (RANK, ARRAY, FIRST, ESCAPE …) mean something only where they stand.
 */
const KEYWORDS = new Set(
  `SELECT DISTINCT TOP VALUE FROM JOIN IN AS WHERE GROUP ORDER BY ASC DESC OFFSET LIMIT AND OR NOT BETWEEN
  LIKE EXISTS TRUE FALSE NULL UNDEFINED`.split(/\s+/),
);
const KEYWORD_LENGTH_MAX = 9;

const TWO_CHARACTER_SYMBOLS = new Set(['<=', '>=', '!=', '<>', '??', '||']);
const ONE_CHARACTER_SYMBOLS = new Set('()[]{},.:?=<>+-*/%&|^~');

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

const SPACE = 1;
const DIGIT = 2;
const LETTER = 4;

/** Classes of the ASCII characters; one look-up for each character read. */
const CLASSES = new Uint8Array(128);
for (const code of [9, 10, 11, 12, 13, 32]) CLASSES[code] = SPACE;
for (let code = 48; code <= 57; code++) CLASSES[code] = DIGIT;
for (let code = 65; code <= 90; code++) CLASSES[code] = CLASSES[code + 32] = LETTER;
CLASSES[95] = LETTER;

const UNICODE_LETTER = /^[\p{L}\p{Nl}\p{Mn}\p{Mc}]$/u;

function classAt(text: string, position: number): number {
  const code = text.charCodeAt(position);
  if (code < 128) return CLASSES[code] ?? 0;
  if (Number.isNaN(code)) return 0;
  if (code === 0xa0 || code === 0xfeff || code === 0x2028 || code === 0x2029) return SPACE;
  // Astral letters are left out: no identifier of the service has them, and `c["…"]` takes anything.
  return UNICODE_LETTER.test(text.charAt(position)) ? LETTER : 0;
}

/** Reads the tokens of a query, as many at a time as wanted. */
export class Lexer {
  /** Closed by one of kind `end` once all are read. */
  readonly tokens: Token[] = [];
  readonly #text: string;
  #position = 0;

  /** @throws DatabaseError `BadRequest` for a text that is too long. */
  constructor(text: string) {
    if (text.length > QUERY_LENGTH_MAX) {
      throw queryError('SC1001', `The query is longer than ${QUERY_LENGTH_MAX} characters.`, {
        start: 0,
        end: text.length,
      });
    }
    this.#text = text;
  }

  /** Whether that were all. @throws DatabaseError `BadRequest` with its place. */
  read(count: number): boolean {
    const text = this.#text;
    for (let read = 0; read < count; read++) {
      const start = skipBlanks(text, this.#position);
      if (start >= text.length) {
        this.tokens.push({ kind: 'end', text: '', start: text.length, end: text.length });
        return true;
      }
      const token = readToken(text, start);
      this.tokens.push(token);
      this.#position = token.end;
    }
    return false;
  }
}

/** All tokens of a query. @throws DatabaseError `BadRequest` with its place. */
export function tokenize(text: string): Token[] {
  const lexer = new Lexer(text);
  lexer.read(Number.POSITIVE_INFINITY);
  return lexer.tokens;
}

function skipBlanks(text: string, from: number): number {
  let position = from;
  for (;;) {
    while (classAt(text, position) === SPACE) position++;
    if (text.startsWith('--', position)) {
      const newline = text.indexOf('\n', position);
      position = newline < 0 ? text.length : newline + 1;
    } else if (text.startsWith('/*', position)) {
      const close = text.indexOf('*/', position + 2);
      if (close < 0) throw syntaxError('/*', { start: position, end: text.length });
      position = close + 2;
    } else {
      return position;
    }
  }
}

function readToken(text: string, start: number): Token {
  const character = text.charAt(start);
  const characterClass = classAt(text, start);
  if (characterClass === LETTER) return readWord(text, start);
  if (characterClass === DIGIT || (character === '.' && classAt(text, start + 1) === DIGIT))
    return readNumber(text, start);
  if (character === '"' || character === "'") return readString(text, start, character);
  if (character === '@') {
    const end = wordEnd(text, start + 1);
    if (end === start + 1) throw syntaxError('@', { start, end });
    return { kind: 'parameter', text: text.slice(start, end), start, end };
  }
  const pair = text.slice(start, start + 2);
  if (TWO_CHARACTER_SYMBOLS.has(pair)) {
    return { kind: 'symbol', text: pair === '<>' ? '!=' : pair, start, end: start + 2 };
  }
  if (ONE_CHARACTER_SYMBOLS.has(character)) return { kind: 'symbol', text: character, start, end: start + 1 };
  throw syntaxError(character, { start, end: start + 1 });
}

function wordEnd(text: string, from: number): number {
  let end = from;
  while ((classAt(text, end) & (LETTER | DIGIT)) !== 0) end++;
  return end;
}

function readWord(text: string, start: number): Token {
  const end = wordEnd(text, start);
  const word = text.slice(start, end);
  if (word.length <= KEYWORD_LENGTH_MAX) {
    const upper = word.toUpperCase();
    if (KEYWORDS.has(upper)) return { kind: 'keyword', text: upper, start, end };
  }
  return { kind: 'identifier', text: word, start, end };
}

const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;

function readNumber(text: string, start: number): Token {
  NUMBER.lastIndex = start;
  const digits = NUMBER.exec(text)?.[0] ?? '';
  const end = start + digits.length;
  // `1abc` is a slip, not a number with a neighbour; a number beyond the doubles has no value to compare
  // with.
  if ((classAt(text, end) & (LETTER | DIGIT)) !== 0 || !Number.isFinite(Number(digits))) {
    throw syntaxError(text.slice(start, wordEnd(text, end)), { start, end: wordEnd(text, end) });
  }
  return { kind: 'number', text: digits, start, end };
}

function readString(text: string, start: number, quote: string): Token {
  let value = '';
  let runStart = start + 1;
  for (let position = runStart; position < text.length; position++) {
    const character = text.charAt(position);
    if (character === quote) {
      return { kind: 'string', text: value + text.slice(runStart, position), start, end: position + 1 };
    }
    if (character !== '\\') continue;
    value += text.slice(runStart, position);
    const escaped = text.charAt(position + 1);
    if (escaped === 'u') {
      const digits = text.slice(position + 2, position + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw badEscape(text, position);
      value += String.fromCharCode(Number.parseInt(digits, 16));
      position += 5;
    } else {
      const plain = Object.hasOwn(ESCAPES, escaped) ? ESCAPES[escaped] : undefined;
      if (plain === undefined) throw badEscape(text, position);
      value += plain;
      position += 1;
    }
    runStart = position + 1;
  }
  throw syntaxError(text.slice(start), { start, end: text.length });
}

function badEscape(text: string, start: number): Error {
  return syntaxError(text.slice(start, start + 6), { start, end: Math.min(text.length, start + 6) });
}
