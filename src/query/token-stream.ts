import { type Token, tokenize } from './lexer.ts';
import { syntaxError } from './syntax-error.ts';

/** Tokens with a place to read from; every failure names the token where reading stopped. */
export class TokenStream {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #end: Token;
  #position = 0;

  /** `tokens`: of the text, if they were read before. */
  constructor(text: string, tokens: readonly Token[] = tokenize(text)) {
    this.#text = text;
    this.#tokens = tokens;
    this.#end = this.#tokens[this.#tokens.length - 1] ?? { kind: 'end', text: '', start: 0, end: 0 };
  }

  peek(ahead = 0): Token {
    return this.#tokens[this.#position + ahead] ?? this.#end;
  }

  next(): Token {
    const token = this.peek();
    this.#position++;
    return token;
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'symbol' && token.text === symbol;
  }

  isKeyword(keyword: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'keyword' && token.text === keyword;
  }

  /**
   * Whether an identifier with this spelling in any case follows: for words that are only sometimes
   * special.
   */
  isWord(upperCase: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return (
      token.kind === 'identifier' &&
      token.text.length === upperCase.length &&
      token.text.toUpperCase() === upperCase
    );
  }

  acceptSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.#position++;
    return true;
  }

  acceptKeyword(keyword: string): boolean {
    if (!this.isKeyword(keyword)) return false;
    this.#position++;
    return true;
  }

  expectSymbol(symbol: string): void {
    if (!this.acceptSymbol(symbol)) throw this.unexpected();
  }

  expectKeyword(keyword: string): void {
    if (!this.acceptKeyword(keyword)) throw this.unexpected();
  }

  expectIdentifier(): Token {
    if (this.peek().kind !== 'identifier') throw this.unexpected();
    return this.next();
  }

  /** The name after a dot: there every word is a plain name, keywords too. */
  expectName(): string {
    const token = this.peek();
    if (token.kind !== 'identifier' && token.kind !== 'keyword') throw this.unexpected();
    this.#position++;
    return this.#text.slice(token.start, token.end);
  }

  expectEnd(): void {
    if (this.peek().kind !== 'end') throw this.unexpected();
  }

  unexpected(token = this.peek()): Error {
    return syntaxError(this.#text.slice(token.start, token.end), token);
  }
}
