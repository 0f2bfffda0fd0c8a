import { expect, test } from 'vitest';
import { ArraySource, DEFAULT_POLICY, NO_POLICY, randomSource, rows } from '../../test/kit/array-source.ts';
import { seeds } from '../../test/kit/properties.ts';
import { type Random, randomCondition, randomItems } from '../../test/kit/query-generator.ts';
import { DatabaseError } from '../errors/index.ts';
import type { PartitionKeyDefinition } from '../resource/index.ts';
import { type PlanTarget, planForClient } from './client-plan.ts';

const QUERIES = [
  'SELECT c.a, t FROM c JOIN t IN c.tags WHERE t > c.a OR EXISTS(SELECT VALUE k FROM k IN c.kids WHERE k.g = t)',
  'SELECT DISTINCT VALUE k.g FROM c JOIN k IN c.kids ORDER BY c.id DESC',
  'SELECT k.s AS s, COUNT(1) AS n, MAX(k.g) AS m FROM c JOIN k IN c.kids WHERE c.pk IN ("1", "2") GROUP BY k.s',
  'SELECT VALUE ARRAY(SELECT DISTINCT VALUE t FROM t IN c.tags WHERE t != c.b) FROM c WHERE NOT (c.a = null)',
  'SELECT s.n, s.pk FROM (SELECT COUNT(1) AS n, c.pk FROM c GROUP BY c.pk) AS s WHERE s.n > 2 OFFSET 1 LIMIT 3',
  'SELECT c.id, (SELECT VALUE SUM(k.g) FROM k IN c.kids) AS s FROM c WHERE c.o.x BETWEEN 1 AND 3 ORDER BY c.a',
  'SELECT VALUE FIRST(SELECT VALUE t FROM t IN c.tags) ?? (c.a ? "x" : {"b": [c.o.x, c.o]}) FROM c',
  'SELECT TOP 5 VALUE x FROM (SELECT VALUE k FROM c JOIN k IN c.kids WHERE k.g > 0) AS x',
  'SELECT o.x FROM c.o JOIN y IN (SELECT VALUE [1, 2]) WHERE o.x > y',
];
const WORDS = QUERIES.join(' ').split(/\b/);
const PARTITION_KEY: PartitionKeyDefinition = { paths: ['/pk'], kind: 'Hash', version: 2 };
const FILTER = '{documentdb-formattableorderbyquery-filter}';

function scrambled(random: Random): string {
  const parts = (QUERIES[random(QUERIES.length)] ?? '').split(/\b/);
  for (let edits = random(3); edits > 0; edits--) {
    const at = random(parts.length);
    const word = WORDS[random(WORDS.length)] ?? '';
    if (random(6) === 0)
      parts.splice(at, random(2), random(2) === 0 ? word : ` ${randomCondition(random, 1)} `);
    // A name for a name and a sign for a sign more often gives a query again.
    else if (/\w/.test(word) === /\w/.test(parts[at] ?? '')) parts[at] = word;
  }
  return parts.join('');
}

/** The rows, or the message of a refusal; anything else fails the test. */
async function outcome(source: ArraySource, query: string, itemCountMax: number): Promise<string[] | string> {
  try {
    return await rows(source, query, { itemCountMax });
  } catch (error) {
    expect(error, query).toBeInstanceOf(DatabaseError);
    expect((error as DatabaseError).code, query).toBe('BadRequest');
    return (error as DatabaseError).message;
  }
}

/** The text that ranges would run; undefined when there is no plan or the query needs no other text. */
function rewrittenText(query: string): string | undefined {
  const search: PlanTarget['search'] = { embeddings: [], defaultLanguage: 'en', textPaths: [] };
  try {
    const plan = planForClient({ query, parameters: [] }, { partitionKey: PARTITION_KEY, search });
    const { rewrittenQuery } = plan.queryInfo as { rewrittenQuery: string };
    return rewrittenQuery === '' ? undefined : rewrittenQuery.replace(FILTER, 'true');
  } catch (error) {
    expect(error, query).toBeInstanceOf(DatabaseError);
    return undefined;
  }
}

test.each(seeds(5))(
  'scrambled queries give the same by index, by scan and in pages: seed %i',
  async (seed) => {
    const random = randomSource(90_000 + seed);
    const objects = randomItems(random, 30);
    const indexed = new ArraySource(objects, DEFAULT_POLICY);
    const plain = new ArraySource(objects, NO_POLICY);
    let executed = 0;
    let rewritten = 0;
    for (let i = 0; i < 400; i++) {
      const query = scrambled(random);
      const found = await outcome(indexed, query, 1_000);
      const paged = await outcome(indexed, query, 1 + random(20));
      const scanned = await outcome(plain, query, 1_000);
      expect(paged, query).toEqual(found);
      if (typeof found === 'string') {
        expect(typeof scanned, `${query} is refused: ${found}`).toBe('string');
        continue;
      }
      executed++;
      // Without an index there is no order.
      if (typeof scanned === 'string') expect(scanned, query).toMatch(/order-by item/);
      else expect(scanned, query).toEqual(found);
      const text = rewrittenText(query);
      if (text === undefined) continue;
      rewritten++;
      expect(await outcome(indexed, text, 1_000), `${query} => ${text}`).toBeInstanceOf(Array);
    }
    expect(executed).toBeGreaterThan(70);
    expect(rewritten).toBeGreaterThan(12);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(indexed.open + plain.open).toBe(0);
  },
);
