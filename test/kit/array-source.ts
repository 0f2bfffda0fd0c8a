import { expect } from 'vitest';
import { compareBytes, type Json, type JsonObject } from '../../src/base/index.ts';
import { compileIndexingPolicy, type Indexer } from '../../src/index/index.ts';
import {
  beginEnvironment,
  compileQuery,
  type ExecuteOptions,
  executePage,
  type IndexScope,
  type Posting,
  type QueryPage,
  type QuerySource,
  type SourceItem,
} from '../../src/query/index.ts';
import type { EpkRange, IndexingPolicy } from '../../src/resource/index.ts';

export const DEFAULT_POLICY: IndexingPolicy = {
  indexingMode: 'consistent',
  automatic: true,
  includedPaths: [{ path: '/*' }],
  excludedPaths: [{ path: '/"_etag"/?' }],
};
export const NO_POLICY: IndexingPolicy = {
  ...DEFAULT_POLICY,
  indexingMode: 'none',
  includedPaths: [],
  excludedPaths: [],
};
export const EXPLICIT_POLICY: IndexingPolicy = {
  ...DEFAULT_POLICY,
  includedPaths: [{ path: '/*' }, { path: '/a/?' }, { path: '/o/x/?' }],
};

interface Stored extends SourceItem {
  readonly object: JsonObject;
}

/** A partition as sorted arrays; counts what is read. */
export class ArraySource implements QuerySource {
  readonly items = new Map<number, Stored>();
  readonly indexer: Indexer;
  readonly #postings = new Map<string, Posting[]>();
  loads = 0;
  postingsRead = 0;
  open = 0;

  constructor(objects: readonly JsonObject[], policy: IndexingPolicy) {
    this.indexer = compileIndexingPolicy(policy);
    objects.forEach((object, index) => {
      const number = 3 + index * 2;
      const epk = String(object.pk ?? '');
      this.items.set(number, { number, epk, object, text: Buffer.from(JSON.stringify(object)) });
      for (const term of this.indexer.terms(object)) {
        const key = term.slice(0, 8);
        const list = this.#postings.get(key) ?? [];
        this.#postings.set(key, list);
        list.push({ value: Buffer.from(term.slice(8), 'latin1'), number });
      }
    });
    for (const list of this.#postings.values()) list.sort(comparePostings);
  }

  scanIndex(scan: Parameters<QuerySource['scanIndex']>[0]) {
    const { after, reverse } = scan;
    let found = this.#postingsIn(scan);
    if (reverse === true) found = found.reverse();
    if (after !== undefined) {
      found = found.filter((posting) => comparePostings(posting, after) * (reverse === true ? -1 : 1) > 0);
    }
    return this.#cursor(found, (count) => {
      this.postingsRead += count;
    });
  }

  scanIndexNumbers(scan: Parameters<QuerySource['scanIndexNumbers']>[0]) {
    const postings = this.scanIndex(scan);
    return {
      next: async (count: number) => (await postings.next(count)).map(({ number }) => number),
      close: () => postings.close(),
    };
  }

  scanValues(scan: Parameters<QuerySource['scanValues']>[0]) {
    const postings = this.scanIndex(scan);
    return {
      next: async (count: number) =>
        (await postings.next(count)).map(({ value, number }) => ({ value, numbers: [number] })),
      close: () => postings.close(),
    };
  }

  async count(scope?: IndexScope): Promise<number> {
    return scope === undefined ? this.items.size : this.#postingsIn(scope).length;
  }

  estimate(scope: Parameters<QuerySource['estimate']>[0]) {
    if (scope === undefined || 'epkRange' in scope) return { atLeast: 0, atMost: this.items.size };
    const { length } = this.#postingsIn(scope);
    return { atLeast: length, atMost: length };
  }

  #postingsIn({ pathId, range }: IndexScope): Posting[] {
    const list = this.#postings.get(Buffer.from(pathId).toString('latin1')) ?? [];
    return list.filter(
      ({ value }) => compareBytes(value, range.from) >= 0 && compareBytes(value, range.to) < 0,
    );
  }

  scanNumbers({ epkRange, after = -1 }: { epkRange?: EpkRange; after?: number }) {
    const found = [...this.items.values()].filter(
      ({ number, epk }) =>
        number > after && (epkRange === undefined || (epk >= epkRange.min && epk < epkRange.max)),
    );
    return this.#cursor(
      found.map((item) => item.number),
      () => undefined,
    );
  }

  #cursor<T>(list: T[], onRead: (count: number) => void) {
    let place = 0;
    this.open++;
    return {
      next: (count: number) => {
        const page = list.slice(place, place + count);
        place += page.length;
        onRead(page.length);
        return Promise.resolve(page);
      },
      close: () => {
        this.open--;
        return Promise.resolve();
      },
    };
  }

  load(numbers: readonly number[]): Promise<(SourceItem | undefined)[]> {
    this.loads += numbers.length;
    return Promise.resolve(numbers.map((number) => this.items.get(number)));
  }

  /** Changes with every item that is taken away. */
  get state(): string {
    return String(this.items.size);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function comparePostings(a: Posting, b: Posting): number {
  return compareBytes(a.value, b.value) || a.number - b.number;
}

export type RunOptions = Partial<Omit<ExecuteOptions, 'parameters'>> & { parameters?: JsonObject };

export async function page(source: ArraySource, query: string, options: RunOptions = {}): Promise<QueryPage> {
  const { parameters = {}, ...rest } = options;
  return executePage(compileQuery(query), {
    parameters: Object.entries(parameters).map(([name, value]) => ({ name, value })),
    environment: beginEnvironment({ nowMs: () => 1_700_000_000_000, random: () => 0.5 }),
    source,
    indexer: source.indexer,
    itemCountMax: 100,
    bytesMax: 4_000_000,
    ...rest,
  });
}

/** All pages; checks the rules of paging on the way. */
export async function pages(
  source: ArraySource,
  query: string,
  options: RunOptions = {},
): Promise<string[][]> {
  const result: string[][] = [];
  let continuation: string | undefined;
  do {
    const one = await page(source, query, {
      ...options,
      ...(continuation === undefined ? {} : { continuation }),
    });
    expect(source.open, 'all cursors are closed').toBe(0);
    result.push(one.rows.map((row) => row.toString()));
    continuation = one.continuation;
    if (continuation !== undefined) {
      expect(continuation.length).toBeLessThanOrEqual(1024);
      expect(continuation).toMatch(/^[\w-]+$/);
    }
  } while (continuation !== undefined);
  return result;
}

export async function rows(source: ArraySource, query: string, options: RunOptions = {}): Promise<string[]> {
  return (await pages(source, query, options)).flat();
}

export async function values(source: ArraySource, query: string, options: RunOptions = {}): Promise<Json[]> {
  return (await rows(source, query, options)).map((row) => JSON.parse(row) as Json);
}

/** Small, so that failures replay: xorshift32. */
export function randomSource(seed: number): (below: number) => number {
  let state = Math.imul(seed, 2_654_435_761) + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
