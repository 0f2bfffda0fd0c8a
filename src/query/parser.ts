import { finish, finishInTurns, type Steps } from '../base/index.ts';
import { ExpressionParser, PARTS_PER_STEP } from './expression-parser.ts';
import { Lexer, type Token } from './lexer.ts';
import type {
  Collection,
  CountNode,
  Expression,
  OrderItem,
  Query,
  SelectItem,
  Selection,
  Source,
} from './syntax.ts';
import { type Location, queryError } from './syntax-error.ts';
import { TokenStream } from './token-stream.ts';

/** Subqueries inside subqueries; their clauses are parsed by recursion. */
const SUBQUERY_DEPTH_MAX = 32;
/** The service publishes 10. */
const JOINS_MAX = 10;
const COUNT_MAX = 2_147_483_647;

/**
 * The tree of a whole query. @throws DatabaseError `BadRequest` with the documented body (SC1001, SC2060
 * …).
 */
export function parseQuery(text: string): Query {
  return finish(new QueryParser(text).wholeSteps());
}

/** Texts up to this length are read at one go, in UTF-16 units: some milliseconds. */
export const TEXT_AT_ONCE = 16_384;
const TOKENS_PER_TURN = 512;

/**
 * As `parseQuery`; of a long text, others have their turn in between and once more at the end. Undefined for
 * a short one, with which nobody needs to wait.
 */
export function parseInTurns(text: string, turn: () => Promise<void>): Promise<Query> | undefined {
  return text.length <= TEXT_AT_ONCE ? undefined : parseLong(text, turn);
}

async function parseLong(text: string, turn: () => Promise<void>): Promise<Query> {
  const lexer = new Lexer(text);
  while (!lexer.read(TOKENS_PER_TURN)) await turn();
  await turn();
  const query = await finishInTurns(new QueryParser(text, lexer.tokens).wholeSteps(), turn);
  await turn();
  return query;
}

/**
 * The condition of a partial update, `FROM c WHERE …`: its alias and expression; the expression is undefined
 * without WHERE. @throws DatabaseError `BadRequest`.
 */
export function parseCondition(text: string): { from: readonly Source[]; where: Expression | undefined } {
  return new QueryParser(text).parseCondition();
}

class QueryParser {
  readonly #tokens: TokenStream;
  readonly #expressions: ExpressionParser;
  #depth = 0;

  constructor(text: string, tokens?: readonly Token[]) {
    this.#tokens = new TokenStream(text, tokens);
    this.#expressions = new ExpressionParser(this.#tokens, () => this.#parseQuery());
  }

  *wholeSteps(): Steps<Query> {
    const query = yield* this.#querySteps();
    this.#tokens.expectEnd();
    return query;
  }

  parseCondition(): { from: readonly Source[]; where: Expression | undefined } {
    this.#tokens.expectKeyword('FROM');
    const from = this.#parseFrom();
    const where = this.#tokens.acceptKeyword('WHERE') ? this.#expressions.parse() : undefined;
    this.#tokens.expectEnd();
    return { from, where };
  }

  #parseQuery(): Query {
    return finish(this.#querySteps());
  }

  /** Clauses are read in pieces, what is nested in them at one go. */
  *#querySteps(): Steps<Query> {
    const tokens = this.#tokens;
    this.#depth++;
    if (this.#depth > SUBQUERY_DEPTH_MAX) {
      throw queryError('SC1001', 'Syntax error, subqueries are nested too deeply.', tokens.peek());
    }
    tokens.expectKeyword('SELECT');
    const isDistinct = tokens.acceptKeyword('DISTINCT');
    const top = tokens.acceptKeyword('TOP') ? this.#parseCount('SC2060', 'TOP') : undefined;
    const selection = yield* this.#selectionSteps();
    const from = tokens.acceptKeyword('FROM') ? this.#parseFrom() : undefined;
    const where = tokens.acceptKeyword('WHERE') ? yield* this.#expressions.parseSteps() : undefined;
    const groupBy = this.#acceptPair('GROUP') ? yield* this.#expressions.listSteps() : undefined;
    const hasOrder = this.#acceptPair('ORDER');
    const isRanked = hasOrder && tokens.isWord('RANK') && !this.#isNameAlone(1);
    if (isRanked) tokens.next();
    const orderBy = hasOrder ? this.#parseOrder() : undefined;
    const hasOffset = tokens.acceptKeyword('OFFSET');
    const offset = hasOffset ? this.#parseCount('SC2062', 'OFFSET') : undefined;
    if (hasOffset) tokens.expectKeyword('LIMIT');
    const limit = hasOffset ? this.#parseCount('SC2061', 'LIMIT') : undefined;
    this.#depth--;
    return {
      kind: 'query',
      isDistinct,
      top,
      selection,
      from,
      where,
      groupBy,
      orderBy,
      isRanked,
      offset,
      limit,
    };
  }

  /**
   * Whether the word before `ahead` stands for itself, as in `ORDER BY rank.x`, and does not announce a
   * function.
   */
  #isNameAlone(ahead: number): boolean {
    return this.#tokens.peek(ahead).kind !== 'identifier';
  }

  #acceptPair(first: 'GROUP' | 'ORDER'): boolean {
    if (!this.#tokens.acceptKeyword(first)) return false;
    this.#tokens.expectKeyword('BY');
    return true;
  }

  #parseCount(code: string, clause: string): CountNode {
    const token = this.#tokens.next();
    const location = locationOf(token);
    if (token.kind === 'parameter') return { kind: 'parameter', name: token.text, location };
    if (token.kind !== 'number') throw this.#tokens.unexpected(token);
    const value = Number(token.text);
    if (!Number.isInteger(value) || value > COUNT_MAX) {
      throw queryError(code, `The ${clause} value must be an integer from 0 to ${COUNT_MAX}.`, location);
    }
    return { kind: 'constant', value, location };
  }

  *#selectionSteps(): Steps<Selection> {
    const tokens = this.#tokens;
    if (tokens.isSymbol('*')) return { kind: 'star', location: locationOf(tokens.next()) };
    if (tokens.acceptKeyword('VALUE')) return { kind: 'value', expression: this.#expressions.parse() };
    const items: SelectItem[] = [];
    do {
      const { expression, location } = this.#parseLocated();
      // Behind AS every word is a plain name; it never has to be told apart from a clause again.
      const alias = tokens.acceptKeyword('AS') ? tokens.expectName() : this.#parseAlias();
      items.push({ expression, alias, location });
      if (items.length % PARTS_PER_STEP === 0) yield;
    } while (tokens.acceptSymbol(','));
    return { kind: 'list', items };
  }

  #parseLocated(): { expression: Expression; location: Location } {
    const { start } = this.#tokens.peek();
    const expression = this.#expressions.parse();
    return { expression, location: { start, end: this.#tokens.peek(-1).end } };
  }

  #parseAlias(): string | undefined {
    if (this.#tokens.acceptKeyword('AS')) return this.#tokens.expectIdentifier().text;
    if (this.#tokens.peek().kind !== 'identifier') return undefined;
    return this.#tokens.next().text;
  }

  #parseFrom(): Source[] {
    const sources = [this.#parseSource()];
    while (this.#tokens.acceptKeyword('JOIN')) {
      sources.push(this.#parseSource());
      if (sources.length > JOINS_MAX + 1) {
        throw queryError('SC1001', `A query has at most ${JOINS_MAX} joins.`, this.#tokens.peek());
      }
    }
    return sources;
  }

  #parseSource(): Source {
    const tokens = this.#tokens;
    if (tokens.peek().kind === 'identifier' && tokens.isKeyword('IN', 1)) {
      const alias = tokens.next().text;
      tokens.next();
      return { collection: this.#parseCollection(), alias, iterates: true };
    }
    return { collection: this.#parseCollection(), alias: this.#parseAlias(), iterates: false };
  }

  #parseCollection(): Collection {
    const tokens = this.#tokens;
    if (tokens.isSymbol('(')) {
      const { start } = tokens.next();
      const query = this.#parseQuery();
      tokens.expectSymbol(')');
      return { kind: 'subquery', query, location: { start, end: tokens.peek(-1).end } };
    }
    const root = tokens.expectIdentifier();
    const path: (string | number)[] = [];
    for (;;) {
      if (tokens.acceptSymbol('.')) {
        path.push(tokens.expectName());
      } else if (tokens.acceptSymbol('[')) {
        const token = tokens.next();
        if (token.kind === 'string') path.push(token.text);
        else if (token.kind === 'number' && /^\d{1,15}$/.test(token.text)) path.push(Number(token.text));
        else throw tokens.unexpected(token);
        tokens.expectSymbol(']');
      } else {
        const location = { start: root.start, end: tokens.peek(-1).end };
        return { kind: 'path', root: root.text, path, location };
      }
    }
  }

  #parseOrder(): OrderItem[] {
    const items: OrderItem[] = [];
    do {
      const { expression, location } = this.#parseLocated();
      const isDescending = this.#tokens.acceptKeyword('DESC');
      const isExplicit = isDescending || this.#tokens.acceptKeyword('ASC');
      items.push({ expression, location, isDescending, isExplicit });
    } while (this.#tokens.acceptSymbol(','));
    return items;
  }
}

function locationOf({ start, end }: Location): Location {
  return { start, end };
}
