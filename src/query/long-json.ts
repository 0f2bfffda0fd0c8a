/** JSON of a megabyte and more, read in pieces: what is between two places is parsed natively. */
import type { Json, Steps } from '../base/index.ts';
import { NameList } from './long-objects.ts';
import { VALUE_DEPTH_MAX } from './values.ts';

/** Characters parsed at one go. */
const PIECE = 16_384;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;

function isOpening(unit: number): boolean {
  return unit === 0x5b || unit === 0x7b;
}

function isClosing(unit: number): boolean {
  return unit === 0x5d || unit === 0x7d;
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}

/** As `JSON.parse`. @throws SyntaxError when it is none. */
export function* parseSteps(text: string): Steps<Json> {
  if (text.length <= PIECE) return JSON.parse(text) as Json;
  const reader = new JsonReader(text);
  return yield* reader.wholeSteps();
}

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  *wholeSteps(): Steps<Json> {
    this.#skipSpace();
    const value = yield* this.#longSteps(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#fault();
    return value;
  }

  /** The value that begins here and is long. */
  *#longSteps(depth: number): Steps<Json> {
    const from = this.#at;
    if (isOpening(this.#text.charCodeAt(from)) && depth < VALUE_DEPTH_MAX) {
      return yield* this.#containerSteps(depth);
    }
    this.#at = this.#endOfValue(from, this.#text.length);
    return JSON.parse(this.#text.slice(from, this.#at)) as Json;
  }

  *#containerSteps(depth: number): Steps<Json> {
    const isArray = this.#text.charAt(this.#at) === '[';
    const list: Json[] = [];
    const object: { [name: string]: Json } = {};
    const names = new NameList();
    const take = (from: number, to: number) => {
      const part = this.#text.slice(from, to);
      if (isArray) for (const element of JSON.parse(`[${part}]`) as Json[]) list.push(element);
      else addMembers(object, names, JSON.parse(`{${part}}`) as { [name: string]: Json });
    };
    this.#at++;
    this.#skipSpace();
    // What begins at `from` and is not long is parsed together; -1 when nothing is.
    for (let [from, comma] = [this.#at, this.#at]; !isClosing(this.#unit()) || from !== this.#at; ) {
      const name = isArray ? '' : this.#name();
      const end = this.#endOfValue(this.#at, this.#at + PIECE);
      if (end >= 0) this.#at = end;
      else {
        if (comma > from) take(from, comma);
        yield;
        const value = yield* this.#longSteps(depth + 1);
        if (isArray) list.push(value);
        else addMembers(object, names, Object.fromEntries([[JSON.parse(name) as string, value]]));
        from = -1;
      }
      this.#skipSpace();
      const isLast = isClosing(this.#unit());
      if (!isLast && this.#unit() !== COMMA) throw this.#fault();
      if (from >= 0 && (isLast || this.#at - from >= PIECE)) {
        take(from, this.#at);
        yield;
        from = -1;
      }
      if (isLast) break;
      comma = this.#at;
      this.#at++;
      this.#skipSpace();
      if (isClosing(this.#unit())) throw this.#fault();
      if (from < 0) {
        from = this.#at;
        comma = from;
      }
    }
    if ((this.#text.charAt(this.#at) === ']') !== isArray) throw this.#fault();
    this.#at++;
    if (isArray) return list;
    yield* names.leaveFor(object);
    return object;
  }

  #unit(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #skipSpace(): void {
    while (isSpace(this.#unit())) this.#at++;
  }

  /** The name of a member, quoted; stands behind its colon then. */
  #name(): string {
    const from = this.#at;
    if (this.#unit() !== QUOTE) throw this.#fault();
    this.#at = this.#endOfText(from);
    const name = this.#text.slice(from, this.#at);
    this.#skipSpace();
    if (this.#unit() !== COLON) throw this.#fault();
    this.#at++;
    this.#skipSpace();
    return name;
  }

  /** Behind the quoted text that begins at `from`. */
  #endOfText(from: number): number {
    for (let at = from; ; ) {
      at = this.#text.indexOf('"', at + 1);
      if (at < 0) throw this.#fault();
      let before = at - 1;
      while (this.#text.charCodeAt(before) === BACKSLASH) before--;
      if ((at - before) % 2 === 1) return at + 1;
    }
  }

  /**
   * Behind the value that begins at `from`; -1 when it goes on behind `limit`. What it is, is not checked.
   */
  #endOfValue(from: number, limit: number): number {
    const text = this.#text;
    let depth = 0;
    for (let at = from; at < text.length; at++) {
      if (at > limit) return -1;
      const unit = text.charCodeAt(at);
      if (unit === QUOTE) {
        at = this.#endOfText(at) - 1;
        if (depth === 0) return at + 1 > limit ? -1 : at + 1;
      } else if (isOpening(unit)) depth++;
      else if (isClosing(unit)) {
        if (depth === 0) return at;
        depth--;
        if (depth === 0) return at + 1;
      } else if (depth === 0 && (unit === COMMA || isSpace(unit))) return at;
    }
    if (depth > 0) throw this.#fault();
    return text.length;
  }

  #fault(): SyntaxError {
    return new SyntaxError(`no JSON at ${this.#at}`);
  }
}

function addMembers(
  object: { [name: string]: Json },
  names: NameList,
  members: { readonly [name: string]: Json },
): void {
  for (const name of Object.keys(members)) {
    const value = members[name] as Json;
    names.add(object, name);
    // Plain assignment would change the prototype.
    if (name === '__proto__') {
      Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
    } else object[name] = value;
  }
}
