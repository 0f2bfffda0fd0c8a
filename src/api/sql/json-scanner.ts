import { DatabaseError } from '../../errors/index.ts';

/**
 * Finds where the members of JSON text begin and end without building values: item bodies inside a batch
 * are kept as the bytes that the client sent. It judges only the structure on its way; a body's own faults
 * are found when the body is parsed.
 */
export class JsonScanner {
  readonly #text: Buffer;
  #position: number;

  constructor(text: Buffer) {
    this.#text = text;
    this.#position = 0;
  }

  /** Calls `visit` with each element's text. @throws DatabaseError `BadRequest` when this is no array. */
  elements(visit: (element: Buffer) => void): void {
    this.#expect(OPEN_ARRAY);
    if (this.#accept(CLOSE_ARRAY)) return;
    do visit(this.#value());
    while (this.#accept(COMMA));
    this.#expect(CLOSE_ARRAY);
  }

  /** Calls `visit` with each member's name and text. @throws DatabaseError `BadRequest` as `elements`. */
  members(visit: (name: string, value: Buffer) => void): void {
    this.#expect(OPEN_OBJECT);
    if (this.#accept(CLOSE_OBJECT)) return;
    do {
      this.#skipSpace();
      if (this.#text[this.#position] !== QUOTE) throw malformed();
      const name = parseText(this.#value());
      this.#expect(COLON);
      visit(String(name), this.#value());
    } while (this.#accept(COMMA));
    this.#expect(CLOSE_OBJECT);
  }

  /** @throws DatabaseError `BadRequest` when anything but space is left. */
  end(): void {
    this.#skipSpace();
    if (this.#position < this.#text.length) throw malformed();
  }

  #value(): Buffer {
    this.#skipSpace();
    const start = this.#position;
    const first = this.#text[start];
    if (first === QUOTE) this.#skipString();
    else if (first === OPEN_OBJECT || first === OPEN_ARRAY) this.#skipNested();
    else this.#skipScalar();
    if (this.#position === start) throw malformed();
    return this.#text.subarray(start, this.#position);
  }

  #skipString(): void {
    const text = this.#text;
    let position = this.#position + 1;
    while (position < text.length && text[position] !== QUOTE)
      position += text[position] === BACKSLASH ? 2 : 1;
    if (position >= text.length) throw malformed();
    this.#position = position + 1;
  }

  #skipNested(): void {
    const text = this.#text;
    let depth = 0;
    do {
      const byte = text[this.#position];
      if (byte === undefined) throw malformed();
      if (byte === QUOTE) {
        this.#skipString();
        continue;
      }
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth--;
      this.#position++;
    } while (depth > 0);
  }

  #skipScalar(): void {
    for (;;) {
      const byte = this.#text[this.#position];
      if (byte === undefined || byte <= SPACE) return;
      if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) return;
      this.#position++;
    }
  }

  #skipSpace(): void {
    for (
      let byte = this.#text[this.#position];
      byte !== undefined && byte <= SPACE;
      byte = this.#text[this.#position]
    ) {
      this.#position++;
    }
  }

  #accept(byte: number): boolean {
    this.#skipSpace();
    if (this.#text[this.#position] !== byte) return false;
    this.#position++;
    return true;
  }

  #expect(byte: number): void {
    if (!this.#accept(byte)) throw malformed();
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const SPACE = 0x20;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The value of a piece of JSON text. @throws DatabaseError `BadRequest` when it is none. */
export function parseText(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch (cause) {
    throw malformed(cause);
  }
}

function malformed(cause?: unknown): DatabaseError {
  return new DatabaseError('BadRequest', 'The input content is invalid: it is not well-formed JSON.', {
    cause,
  });
}
