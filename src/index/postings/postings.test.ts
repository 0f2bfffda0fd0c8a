import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runs } from '../../../test/kit/properties.ts';
import { PostingGatherer } from './posting-gatherer.ts';
import { PostingMerge } from './posting-merge.ts';
import { decodeFences, encodeFences, type Fences, RunBuilder, soleFence } from './posting-run.ts';
import { type PostingRange, RunCursor } from './run-cursor.ts';

/** A run as a store would hold it. */
interface Stored {
  readonly fences: Fences;
  readonly blocks: readonly Buffer[];
}

type Posting = readonly [term: string, number: number];

const ALL: PostingRange = { from: '', to: '\xff'.repeat(9) };

/** Numbers that a run adds, less those it takes away. */
function sumOf(fences: Fences): number {
  return fences.sums.reduce((sum, each) => sum + each, 0);
}

function store(fences: Fences, blocks: readonly Buffer[]): Stored {
  expect(decodeFences(encodeFences(fences))).toEqual(fences);
  expect(fences.terms.length).toBe(blocks.length);
  return { fences: blocks.length === 1 ? soleFence(sumOf(fences)) : fences, blocks };
}

async function runOf(
  changes: readonly { term: string; number: number; isRemoved: boolean }[],
  turn = () => Promise.resolve(),
): Promise<Stored | undefined> {
  const gatherer = new PostingGatherer();
  for (const { term, number, isRemoved } of changes) {
    if (isRemoved) gatherer.remove(term, number);
    else gatherer.add(term, number);
  }
  if (gatherer.isEmpty) return undefined;
  const blocks: Buffer[] = [];
  const emit = (place: number, block: Buffer) => expect(place).toBe(blocks.push(block) - 1);
  const { fences } = await gatherer.build(emit, turn);
  return store(fences, blocks);
}

function* partsOf(runs: readonly Stored[], range: PostingRange) {
  const owners = new Map(runs.map((run) => [new RunCursor(run.fences, range), run]));
  const merge = new PostingMerge([...owners.keys()], range.reverse === true);
  for (;;) {
    const part = merge.next();
    if (part !== undefined) yield part;
    else if (merge.lacking.length === 0) return;
    else {
      for (const cursor of merge.lacking) {
        cursor.supply(owners.get(cursor)?.blocks[cursor.wanted as number] as Buffer);
      }
      merge.supplied();
    }
  }
}

function read(runs: readonly Stored[], range: PostingRange): Posting[] {
  return [...partsOf(runs, range)].flatMap(({ term, numbers }) =>
    numbers.map((number): Posting => [term, number]),
  );
}

function compact(
  runs: readonly Stored[],
  limits: { blockBytes: number; partNumbers: number },
): Stored | undefined {
  const blocks: Buffer[] = [];
  const builder = new RunBuilder((_place, block) => void blocks.push(block), limits);
  for (const { term, numbers } of partsOf(runs, ALL)) builder.add(term, numbers);
  const fences = builder.finish();
  return blocks.length === 0 ? undefined : store(fences, blocks);
}

const compare = (a: Posting, b: Posting) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]);

describe('a run', () => {
  test('of a term with very many numbers, and of many terms, comes back as it went in', () => {
    const blocks: Buffer[] = [];
    const run = new RunBuilder((_place, block) => void blocks.push(block));
    const long = Array.from({ length: 50_000 }, (_, i) => i * 1024 + (i % 3));
    run.add('a', long);
    for (let i = 0; i < 5_000; i++) run.add(`b${String(i).padStart(5, '0')}`, [i * 7]);
    const stored = store(run.finish(), blocks);
    const found = read([stored], ALL);
    expect(found.length).toBe(55_000);
    expect(found.slice(0, 50_000).map(([, number]) => number)).toEqual(long);
    expect(found[50_001]).toEqual(['b00001', 7]);
    expect(Math.max(...stored.blocks.map((block) => block.length))).toBeLessThan(20_000);
    // Numbers that follow each other are what postings are made of: they must be small.
    expect(run.bytes).toBeLessThan(50_000 * 2.1 + 5_000 * 8);
  });

  test('numbers up to the largest keep their value', () => {
    const numbers = [0, 1, 1023, 1024, 2 ** 31, 2 ** 32 + 5, 2 ** 40, Number.MAX_SAFE_INTEGER - 1];
    const removed = numbers.map((number) => -1 - number);
    const builder: Buffer[] = [];
    const run = new RunBuilder((_place, block) => void builder.push(block));
    run.add('a', numbers);
    run.add('b', removed);
    run.add('c', [numbers[6] as number]);
    const stored = store(run.finish(), builder);
    expect([...partsOf([stored], ALL)]).toEqual([
      { term: 'a', numbers },
      { term: 'b', numbers: removed },
      { term: 'c', numbers: [numbers[6]] },
    ]);
  });
});

describe('the sum of runs', () => {
  const change = fc.record({
    term: fc.constantFrom('a', 'ab', 'abc', 'b', 'b\0', 'bé', 'c'.repeat(200), 'd'),
    number: fc.integer({ min: 0, max: 40 }).map((n) => n * 512),
  });
  const history = fc.array(fc.array(change, { maxLength: 60 }), { maxLength: 12 });

  test('is what was given and not taken away, whatever was merged, in any range and direction', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.infiniteStream(fc.nat()), async (batches, chances) => {
        const chance = (below: number) => chances.next().value % below;
        const present = new Map<string, Posting>();
        let runs: Stored[] = [];
        for (const batch of batches) {
          const seen = new Set<string>();
          const changes: { term: string; number: number; isRemoved: boolean }[] = [];
          for (const { term, number } of batch) {
            const key = `${term}/${number}`;
            if (seen.has(key)) continue;
            seen.add(key);
            const isRemoved = present.delete(key);
            if (!isRemoved) present.set(key, [term, number]);
            changes.push({ term, number, isRemoved });
          }
          const run = await runOf(changes);
          if (run !== undefined) runs.push(run);
          if (runs.length > 1 && chance(3) === 0) {
            const from = chance(runs.length - 1);
            const to = from + 2 + chance(runs.length - from - 1);
            const blockBytes = [40, 200, 8192][chance(3)] as number;
            const merged = compact(runs.slice(from, to), { blockBytes, partNumbers: 2 + chance(5) });
            runs = [...runs.slice(0, from), ...(merged === undefined ? [] : [merged]), ...runs.slice(to)];
          }
        }
        const expected = [...present.values()].sort(compare);
        expect(read(runs, ALL)).toEqual(expected);
        expect(runs.reduce((sum, { fences }) => sum + sumOf(fences), 0)).toBe(expected.length);
        const bounds = ['', 'a', 'ab', 'b', 'b\0', 'c', 'd', 'e'];
        for (let i = 0; i < 4; i++) {
          const from = bounds[chance(bounds.length)] as string;
          const to = bounds[chance(bounds.length)] as string;
          const inRange = expected.filter(([term]) => term >= from && term < to);
          expect(read(runs, { from, to })).toEqual(inRange);
          expect(read(runs, { from, to, reverse: true })).toEqual([...inRange].reverse());
          if (inRange.length === 0) continue;
          const place = chance(inRange.length);
          const [term, number] = inRange[place] as Posting;
          expect(read(runs, { from, to, after: { term, number } })).toEqual(inRange.slice(place + 1));
          expect(read(runs, { from, to, after: { term, number }, reverse: true })).toEqual(
            inRange.slice(0, place).reverse(),
          );
        }
      }),
      { numRuns: runs(300) },
    );
  });

  test('a place to go on from need not be there any more', async () => {
    const run = await runOf([10, 20, 30].map((number) => ({ term: 'a', number, isRemoved: false })));
    const at = (number: number, reverse = false) =>
      read(run === undefined ? [] : [run], { ...ALL, after: { term: 'a', number }, reverse }).map(
        ([, n]) => n,
      );
    expect(at(15)).toEqual([20, 30]);
    expect(at(30)).toEqual([]);
    expect(at(25, true)).toEqual([20, 10]);
    expect(at(10, true)).toEqual([]);
  });

  test('what is taken away twice is noticed', async () => {
    const given = await runOf([{ term: 'a', number: 1, isRemoved: false }]);
    const taken = await runOf([{ term: 'a', number: 1, isRemoved: true }]);
    if (given === undefined || taken === undefined) throw new Error('runs have postings');
    expect(read([given, taken], ALL)).toEqual([]);
    expect(() => read([taken, taken], ALL)).toThrow('taken away once');
  });
});

test('terms that were cut from a longer text come back whole, as long as terms may be', async () => {
  const packed = `${'a'.repeat(1_024)}b${'\0\xff'.repeat(300)}`;
  const terms = [packed.slice(0, 1_024), packed.slice(1_024), packed.slice(1_024, 1_040)];
  const run = await runOf(terms.map((term, number) => ({ term, number, isRemoved: false })));
  expect(run && read([run], ALL)).toEqual(
    terms.map((term, number) => [term, number]).sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
  );
  expect(() => new PostingGatherer().add(packed, 1)).toThrow('1,024');
});

test.each([1, 20])('a run of many terms of %i paths is made while others have their turn', async (paths) => {
  const changes = Array.from({ length: 20_000 }, (_, i) => ({
    term: `path ${String(i % paths).padStart(3)}${(i * 7_919) % 20_011}`,
    number: i,
    isRemoved: false,
  }));
  let turns = 0;
  const run = await runOf(changes, () => {
    turns++;
    return Promise.resolve();
  });
  expect(turns).toBeGreaterThan(38 + paths);
  const sorted = changes.map(({ term, number }): Posting => [term, number]).sort(compare);
  expect(run && read([run], ALL)).toEqual(sorted);
});
