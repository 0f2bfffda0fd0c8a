import { expect, test } from 'vitest';
import { DatabaseError } from '../errors/index.ts';
import { compileComputedProperties } from './computed-properties.ts';

test.each<[query: string, why: RegExp]>([
  ['SELECT VALUE', /is not valid/],
  ['SELECT VALUE LOWER(d.name) FROM c', /is not valid/],
  ['SELECT VALUE NOSUCH(c.name) FROM c', /is not valid/],
  ['SELECT c.name FROM c', /must select a VALUE/],
  ['SELECT * FROM c', /must select a VALUE/],
  ['SELECT VALUE 1', /must read FROM the item/],
  ['SELECT VALUE t FROM t IN c.tags', /must read FROM the item/],
  ['SELECT VALUE c FROM c.o AS c', /must read FROM the item/],
  ['SELECT VALUE t FROM c JOIN t IN c.tags', /must read FROM the item/],
  ['SELECT VALUE c.n FROM c WHERE c.n = 1', /no clause/],
  ['SELECT DISTINCT VALUE c.n FROM c', /no clause/],
  ['SELECT TOP 1 VALUE c.n FROM c', /no clause/],
  ['SELECT VALUE c.n FROM c ORDER BY c.n', /no clause/],
  ['SELECT VALUE c.n FROM c GROUP BY c.n', /no clause/],
  ['SELECT VALUE c.n FROM c OFFSET 0 LIMIT 1', /no clause/],
  ['SELECT VALUE EXISTS(SELECT VALUE t FROM t IN c.tags) FROM c', /no subquery/],
  ['SELECT VALUE (SELECT VALUE 1) FROM c', /no subquery/],
  ['SELECT VALUE c.n + @n FROM c', /no parameter/],
  ['SELECT VALUE GetCurrentDateTime() FROM c', /must not call GETCURRENTDATETIME/],
  ['SELECT VALUE RAND() FROM c', /must not call RAND/],
  ['SELECT VALUE COUNT(1) FROM c', /must not call COUNT/],
  ['SELECT VALUE ST_AREA(c.shape) FROM c', /must not call ST_AREA/],
  ['SELECT VALUE FullTextContains(c.text, "a") FROM c', /must not call FULLTEXTCONTAINS/],
])('%s is no definition', (query, why) => {
  const define = () => compileComputedProperties([{ name: 'cp_x', query }]);
  expect(define).toThrow(DatabaseError);
  expect(define).toThrow(why);
  expect(define).toThrow(/'cp_x'/);
});

test('a text is compiled once, for each container by itself', () => {
  const one = compileComputedProperties([{ name: 'cp', query: 'SELECT VALUE c.a FROM c' }]);
  const other = compileComputedProperties([{ name: 'cp', query: 'SELECT VALUE c.b FROM c' }]);
  const text = 'SELECT VALUE c.cp FROM c';
  expect(one.compile(text)).toBe(one.compile(text));
  expect(other.compile(text)).not.toBe(one.compile(text));
});
