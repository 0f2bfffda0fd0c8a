import { describe, expect, test } from 'vitest';
import { ArraySource, DEFAULT_POLICY, NO_POLICY, pages, rows, values } from '../../test/kit/array-source.ts';

/** `t` has the word once among ever more others, `u` the other way round; `v` turns away from [1, 0]. */
const objects = Array.from({ length: 12 }, (_, n) => ({
  id: `i${n}`,
  _rid: `rid ${n}`,
  n,
  t: `lake${' tree'.repeat(n)}`,
  u: `river${' tree'.repeat(11 - n)}`,
  v: [Math.cos(n / 4), Math.sin(n / 4)],
}));
const sources = [DEFAULT_POLICY, NO_POLICY].map((policy) => new ArraySource(objects, policy));
const EUCLIDEAN = '{distanceFunction: "euclidean"}';
const falling = objects.map(({ id }) => id).reverse();
const rising = objects.map(({ id }) => id);

describe('ORDER BY RANK in one request', () => {
  test.each<[rank: string, ids: readonly string[]]>([
    ['FullTextScore(c.t, "lake")', rising],
    ['FullTextScore(c.u, "river")', falling],
    ['VectorDistance(c.v, [1, 0])', rising],
    [`VectorDistance(c.v, [1, 0], false, ${EUCLIDEAN})`, rising],
    ['RRF(FullTextScore(c.t, "lake"), VectorDistance(c.v, [1, 0]))', rising],
    ['RRF(FullTextScore(c.t, "lake"), FullTextScore(c.u, "river"), [1, 5])', falling],
    [`RRF(FullTextScore(c.t, "lake"), VectorDistance(c.v, @away, false, ${EUCLIDEAN}), [1, 9])`, falling],
  ])('%s', async (rank, ids) => {
    const parameters = { '@away': [Math.cos(11 / 4), Math.sin(11 / 4)] };
    for (const source of sources) {
      const all = `SELECT VALUE c.id FROM c ORDER BY RANK ${rank}`;
      expect(await values(source, all, { parameters })).toEqual(ids);
      const some = `SELECT c.id FROM c WHERE c.n >= 3 ORDER BY RANK ${rank} OFFSET 2 LIMIT 5`;
      const wanted = ids.filter((id) => Number(id.slice(1)) >= 3).slice(2, 7);
      expect(await values(source, some, { parameters })).toEqual(wanted.map((id) => ({ id })));
    }
  });

  test('equal scores share a rank, and each score adds to the whole', async () => {
    // By u: i0 has the most other words. Both lists together: the ends stand before the middle.
    const query =
      'SELECT VALUE c.n FROM c ORDER BY RANK RRF(FullTextScore(c.t, "lake"), FullTextScore(c.u, "river"))';
    const found = (await values(sources[0] as ArraySource, query)) as number[];
    const score = (n: number) => 1 / (61 + n) + 1 / (61 + 11 - n);
    expect(found.map(score)).toEqual(objects.map(({ n }) => score(n)).sort((a, b) => b - a));
  });

  test('pages of every size give the same rows', async () => {
    for (const source of sources) {
      const query =
        'SELECT TOP 9 c.id, c.n FROM c ORDER BY ' +
        'RANK RRF(FullTextScore(c.t, "lake"), VectorDistance(c.v, [1, 0]))';
      const whole = await rows(source, query);
      expect(whole).toHaveLength(9);
      for (let size = 1; size <= 10; size++) {
        const parts = await pages(source, query, { itemCountMax: size });
        expect(parts.flat()).toEqual(whole);
        expect(parts).toHaveLength(Math.ceil(9 / size));
      }
      expect((await pages(source, query, { bytesMax: 40 })).flat()).toEqual(whole);
    }
  });

  test('of nothing there is nothing', async () => {
    const query = 'SELECT * FROM c WHERE c.n > 99 ORDER BY RANK FullTextScore(c.t, "lake")';
    for (const source of [...sources, new ArraySource([], DEFAULT_POLICY)])
      expect(await rows(source, query)).toEqual([]);
  });
});
