import { assert, finish, type Steps } from '../base/index.ts';
import type { BinaryOperator, ConstantNode, Expression, Query, SubqueryNode } from './syntax.ts';
import { queryError } from './syntax-error.ts';
import type { TokenStream } from './token-stream.ts';

/**
 * Top-down operator precedence (Pratt 1973): an operator takes what stands left of it while it binds
 * tighter than whoever is waiting. Strengths follow the reference grammar of the dialect, where NOT is an
 * ordinary unary operator: `NOT a = b` is `(NOT a) = b`.
 */
export const STRENGTH = {
  conditional: 1,
  coalesce: 2,
  or: 3,
  and: 4,
  /** IN, BETWEEN, LIKE: they take whole binary expressions and are not taken by binary operators. */
  membership: 5,
  unary: 14,
  postfix: 15,
} as const;

export const BINARY_STRENGTH: Readonly<Record<BinaryOperator, number>> = {
  '??': STRENGTH.coalesce,
  '||': 6,
  '|': 7,
  '^': 8,
  '&': 9,
  '=': 10,
  '!=': 10,
  '<': 11,
  '>': 11,
  '<=': 11,
  '>=': 11,
  '+': 12,
  '-': 12,
  '*': 13,
  '/': 13,
  '%': 13,
};

/** Trees are walked by recursion, in the parser and everywhere after it; these two keep the stack safe. */
const NESTING_MAX = 200;
const HEIGHT_MAX = 1_000;

/**
 * A tree is made and walked at one go, while others wait: so it has a size. Long lists of values are what
 * queries are long for; those cost little, and no literal is counted.
 */
const PARTS_MAX = 40_000;
/** What a subquery counts as, beside its expressions. */
const SUBQUERY_PARTS = 50;
/** The service publishes this limit. */
const IN_VALUES_MAX = 16_000;

const SUBQUERY_WORDS = ['ARRAY', 'ALL', 'FIRST', 'LAST'] as const;

function isBinaryOperator(text: string): text is BinaryOperator {
  return Object.hasOwn(BINARY_STRENGTH, text);
}

/** Operators and their operands, as far as they are read. */
interface Chain {
  left: Expression;
  /** What an operator yields cannot be taken by a tighter one: `a IN (1) + 2` is an error, not a sum. */
  strengthMax: number;
}

/** Parts of a long clause that are read before others may have their turn. */
export const PARTS_PER_STEP = 256;

export class ExpressionParser {
  readonly #tokens: TokenStream;
  readonly #parseQuery: () => Query;
  #nesting = 0;
  #parts = 0;
  /** Height of the tree parsed last. */
  #height = 0;
  /** Of all trees in the query that is being parsed: how high it is as a part of an expression. */
  #tallest = 0;

  constructor(tokens: TokenStream, parseQuery: () => Query) {
    this.#tokens = tokens;
    this.#parseQuery = parseQuery;
  }

  /** An expression whose operators all bind at least as tight as `strengthMin`. */
  parse(strengthMin = 0): Expression {
    const chain = this.#begin();
    while (this.#extend(chain, strengthMin)) {}
    return this.#end(chain);
  }

  /** The same with any operators, a long chain of them in pieces. */
  *parseSteps(): Steps<Expression> {
    const chain = this.#begin();
    for (let operators = 1; this.#extend(chain, 0); operators++) {
      if (operators % PARTS_PER_STEP === 0) yield;
    }
    return this.#end(chain);
  }

  #begin(): Chain {
    this.#nesting++;
    if (this.#nesting > NESTING_MAX) throw this.#tooDeep();
    return { left: this.#parsePrefix(), strengthMax: STRENGTH.postfix };
  }

  /** Takes one more operator; false when none follows that belongs to the chain. */
  #extend(chain: Chain, strengthMin: number): boolean {
    const strength = this.#infixStrength();
    if (strength < strengthMin || strength > chain.strengthMax || strength === 0) return false;
    this.#count();
    const leftHeight = this.#height;
    chain.left = this.#parseInfix(chain.left, strength);
    this.#height = Math.max(this.#height, leftHeight) + 1;
    if (this.#height > HEIGHT_MAX) throw this.#tooDeep();
    chain.strengthMax = strength === STRENGTH.membership ? STRENGTH.membership - 1 : strength;
    return true;
  }

  #end({ left }: Chain): Expression {
    this.#nesting--;
    if (this.#height > HEIGHT_MAX) throw this.#tooDeep();
    this.#tallest = Math.max(this.#tallest, this.#height);
    return left;
  }

  /** One or more expressions separated by commas. */
  parseList(): Expression[] {
    return finish(this.listSteps());
  }

  *listSteps(): Steps<Expression[]> {
    const list: Expression[] = [];
    let height = 0;
    do {
      const value = this.#acceptValue();
      if (value === undefined) {
        list.push(this.parse());
        height = Math.max(height, this.#height);
      } else {
        list.push(value);
        height = Math.max(height, value.kind === 'constant' ? 1 : 2);
      }
      if (list.length % PARTS_PER_STEP === 0) yield;
    } while (this.#tokens.acceptSymbol(','));
    this.#height = height;
    return list;
  }

  /** A number or text that stands alone between commas: most elements of long lists are nothing else. */
  #acceptValue(): Expression | undefined {
    const tokens = this.#tokens;
    const isNegative = tokens.isSymbol('-');
    const { kind, text } = tokens.peek(isNegative ? 1 : 0);
    if (kind !== 'number' && (kind !== 'string' || isNegative)) return undefined;
    const behind = tokens.peek(isNegative ? 2 : 1);
    if (behind.kind !== 'symbol' || (behind.text !== ',' && behind.text !== ')' && behind.text !== ']'))
      return undefined;
    if (isNegative) tokens.next();
    tokens.next();
    if (kind === 'string') return { kind: 'constant', value: text };
    const number: ConstantNode = { kind: 'constant', value: Number(text) };
    return isNegative ? { kind: 'unary', operator: '-', operand: number } : number;
  }

  #count(parts = 1): void {
    this.#parts += parts;
    if (this.#parts <= PARTS_MAX) return;
    const message = `The query has more than ${PARTS_MAX} names, members and operators.`;
    throw queryError('SC1001', message, this.#tokens.peek());
  }

  #tooDeep(): Error {
    return queryError('SC1001', 'Syntax error, the expression is nested too deeply.', this.#tokens.peek());
  }

  /** 0 when the next token is no infix operator. */
  #infixStrength(): number {
    const token = this.#tokens.peek();
    if (token.kind === 'symbol') {
      if (isBinaryOperator(token.text)) return BINARY_STRENGTH[token.text];
      return token.text === '?' ? STRENGTH.conditional : 0;
    }
    if (token.kind !== 'keyword') return 0;
    switch (token.text) {
      case 'OR':
        return STRENGTH.or;
      case 'AND':
        return STRENGTH.and;
      case 'IN':
      case 'BETWEEN':
      case 'LIKE':
        return STRENGTH.membership;
      case 'NOT':
        return this.#isNegatedMembership() ? STRENGTH.membership : 0;
      default:
        return 0;
    }
  }

  #isNegatedMembership(): boolean {
    const { text, kind } = this.#tokens.peek(1);
    return kind === 'keyword' && (text === 'IN' || text === 'BETWEEN' || text === 'LIKE');
  }

  #parseInfix(left: Expression, strength: number): Expression {
    if (strength === STRENGTH.membership) return this.#parseMembership(left);
    const { text } = this.#tokens.next();
    if (text === 'AND' || text === 'OR') return this.#parseChain(left, text, strength);
    if (text === '?') {
      const whenTrue = this.parse();
      const height = this.#height;
      this.#tokens.expectSymbol(':');
      const otherwise = this.parse(STRENGTH.conditional);
      this.#height = Math.max(height, this.#height);
      return { kind: 'conditional', condition: left, whenTrue, otherwise };
    }
    assert(isBinaryOperator(text), 'infixStrength admits operators only');
    return { kind: 'binary', operator: text, left, right: this.parse(strength + 1) };
  }

  #parseChain(first: Expression, operator: 'AND' | 'OR', strength: number): Expression {
    const terms = [first];
    let height = 0;
    do {
      terms.push(this.parse(strength + 1));
      height = Math.max(height, this.#height);
    } while (this.#tokens.acceptKeyword(operator));
    this.#height = height;
    return { kind: 'logical', operator, terms };
  }

  #parseMembership(operand: Expression): Expression {
    const negated = this.#tokens.acceptKeyword('NOT');
    const tighter = STRENGTH.membership + 1;
    const { text: keyword } = this.#tokens.next();
    if (keyword === 'IN') {
      this.#tokens.expectSymbol('(');
      const opening = this.#tokens.peek(-1);
      const items = this.parseList();
      if (items.length > IN_VALUES_MAX) {
        throw queryError('SC1001', `The IN list has more than ${IN_VALUES_MAX} values.`, opening);
      }
      this.#tokens.expectSymbol(')');
      return { kind: 'in', operand, items, negated };
    }
    const first = this.parse(tighter);
    if (keyword === 'LIKE')
      return { kind: 'like', operand, pattern: first, escape: this.#parseEscape(), negated };
    const height = this.#height;
    this.#tokens.expectKeyword('AND');
    const high = this.parse(tighter);
    this.#height = Math.max(height, this.#height);
    return { kind: 'between', operand, low: first, high, negated };
  }

  #parseEscape(): string | undefined {
    if (!this.#tokens.isWord('ESCAPE')) return undefined;
    this.#tokens.next();
    const token = this.#tokens.next();
    if (token.kind !== 'string' || token.text.length !== 1) throw this.#tokens.unexpected(token);
    return token.text;
  }

  #parsePrefix(): Expression {
    const token = this.#tokens.peek();
    const operator = token.text;
    if (
      (token.kind === 'symbol' && (operator === '-' || operator === '+' || operator === '~')) ||
      (token.kind === 'keyword' && operator === 'NOT')
    ) {
      this.#tokens.next();
      const operand = this.parse(STRENGTH.unary);
      this.#height++;
      return { kind: 'unary', operator: operator as '-' | '+' | '~' | 'NOT', operand };
    }
    return this.#parsePostfix(this.#parsePrimary());
  }

  #parsePostfix(primary: Expression): Expression {
    const tokens = this.#tokens;
    let object = primary;
    for (; ; this.#count()) {
      if (tokens.acceptSymbol('.')) {
        object = { kind: 'member', object, name: tokens.expectName() };
      } else if (tokens.acceptSymbol('[')) {
        const height = this.#height;
        const index = this.parse();
        const isName = index.kind === 'constant' && typeof index.value === 'string';
        object = isName
          ? { kind: 'member', object, name: String(index.value) }
          : { kind: 'element', object, index };
        this.#height = Math.max(height, this.#height);
        tokens.expectSymbol(']');
      } else {
        return object;
      }
      this.#height++;
      if (this.#height > HEIGHT_MAX) throw this.#tooDeep();
    }
  }

  #parsePrimary(): Expression {
    const tokens = this.#tokens;
    const token = tokens.next();
    this.#height = 1;
    if (token.kind !== 'number' && token.kind !== 'string' && token.text !== '(') this.#count();
    switch (token.kind) {
      case 'number':
        return { kind: 'constant', value: Number(token.text) };
      case 'string':
        return { kind: 'constant', value: token.text };
      case 'parameter':
        return { kind: 'parameter', name: token.text, location: { start: token.start, end: token.end } };
      case 'identifier':
        return this.#parseWord(token);
      case 'keyword':
        return this.#parseKeyword(token);
      case 'symbol':
        if (token.text === '(') return this.#parseParenthesised();
        if (token.text === '[') return this.#parseArray();
        if (token.text === '{') return this.#parseObject();
        throw tokens.unexpected(token);
      case 'end':
        throw tokens.unexpected(token);
    }
  }

  #parseKeyword(token: { text: string; start: number; end: number }): Expression {
    switch (token.text) {
      case 'TRUE':
        return { kind: 'constant', value: true };
      case 'FALSE':
        return { kind: 'constant', value: false };
      case 'NULL':
        return { kind: 'constant', value: null };
      case 'UNDEFINED':
        return { kind: 'constant', value: undefined };
      case 'EXISTS':
        return this.#parseSubquery('EXISTS', token.start);
      default:
        throw this.#tokens.unexpected({ kind: 'keyword', ...token });
    }
  }

  #parseWord(token: { text: string; start: number; end: number }): Expression {
    const tokens = this.#tokens;
    const location = { start: token.start, end: token.end };
    if (tokens.isSymbol('(')) {
      if (tokens.isKeyword('SELECT', 1)) {
        const form = SUBQUERY_WORDS.find((word) => word === token.text.toUpperCase());
        if (form !== undefined) return this.#parseSubquery(form, token.start);
      }
      return this.#parseCall(token.text, false, location);
    }
    if (token.text.toLowerCase() === 'udf' && tokens.isSymbol('.') && tokens.isSymbol('(', 2)) {
      tokens.next();
      return this.#parseCall(tokens.expectName(), true, location);
    }
    return { kind: 'name', name: token.text, location };
  }

  #parseCall(name: string, isUserDefined: boolean, location: { start: number; end: number }): Expression {
    this.#tokens.expectSymbol('(');
    const operands = this.#tokens.isSymbol(')') ? [] : this.parseList();
    this.#tokens.expectSymbol(')');
    this.#height++;
    return { kind: 'call', name, isUserDefined, operands, location };
  }

  #parseSubquery(form: SubqueryNode['form'], start: number): Expression {
    this.#tokens.expectSymbol('(');
    return this.#parseSubqueryBody(form, start);
  }

  #parseSubqueryBody(form: SubqueryNode['form'], start: number): Expression {
    this.#count(SUBQUERY_PARTS);
    const outer = this.#tallest;
    this.#tallest = 0;
    const query = this.#parseQuery();
    this.#tokens.expectSymbol(')');
    this.#height = this.#tallest + 1;
    this.#tallest = Math.max(outer, this.#height);
    return { kind: 'subquery', form, query, location: { start, end: this.#tokens.peek(-1).end } };
  }

  #parseParenthesised(): Expression {
    const tokens = this.#tokens;
    if (tokens.isKeyword('SELECT')) return this.#parseSubqueryBody('scalar', tokens.peek(-1).start);
    const inner = this.parse();
    tokens.expectSymbol(')');
    return inner;
  }

  #parseArray(): Expression {
    const elements = this.#tokens.isSymbol(']') ? [] : this.parseList();
    this.#tokens.expectSymbol(']');
    this.#height++;
    return { kind: 'array', elements };
  }

  #parseObject(): Expression {
    const tokens = this.#tokens;
    const members: { name: string; value: Expression }[] = [];
    let height = 0;
    while (!tokens.isSymbol('}')) {
      if (members.length > 0) tokens.expectSymbol(',');
      const name = tokens.peek().kind === 'string' ? tokens.next().text : tokens.expectName();
      tokens.expectSymbol(':');
      members.push({ name, value: this.parse() });
      height = Math.max(height, this.#height);
    }
    tokens.expectSymbol('}');
    this.#height = height + 1;
    return { kind: 'object', members };
  }
}
