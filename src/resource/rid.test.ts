import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  childRid,
  childSelfLink,
  containerRid,
  databaseRid,
  documentRid,
  offerRid,
  parseRid,
  selfLink,
  userRid,
} from './rid.ts';

const bytesOf = (rid: string) => Buffer.from(rid.replaceAll('-', '/'), 'base64');
const number24 = fc.integer({ min: 1, max: 2 ** 24 - 1 });
const number31 = fc.integer({ min: 1, max: 2 ** 31 - 1 });

describe('rids', () => {
  test('have the published lengths and marks, and are read back', () => {
    fc.assert(
      fc.property(number24, number31, fc.maxSafeNat(), fc.nat(500), (d, c, n, p) => {
        const database = databaseRid(d);
        const container = containerRid(database, c);
        const user = userRid(database, c);
        const document = documentRid(container, n, p);
        expect(bytesOf(database)).toHaveLength(4);
        expect(bytesOf(container)).toHaveLength(8);
        expect((bytesOf(container)[4] ?? 0) & 0x80).toBe(0x80);
        expect((bytesOf(user)[4] ?? 0) & 0x80).toBe(0);
        expect(bytesOf(document).readBigUInt64LE(8)).toBe(BigInt(n) + (BigInt(p % 128) << 53n));
        expect(document).not.toContain('/');
        expect(parseRid(database)).toEqual({ kind: 'database', number: d });
        expect(parseRid(offerRid(d))).toEqual({ kind: 'offer', number: d });
        expect(parseRid(container)).toEqual({ kind: 'container', database, number: c });
        expect(parseRid(user)).toEqual({ kind: 'user', database, number: c });
        expect(parseRid(document)).toEqual({ kind: 'document', database, container, number: n });
      }),
    );
  });

  test.each([
    ['document', 0, 'docs'],
    ['storedProcedure', 8, 'sprocs'],
    ['trigger', 7, 'triggers'],
    ['userDefinedFunction', 6, 'udfs'],
    ['conflict', 4, 'conflicts'],
    ['partitionKeyRange', 5, 'pkranges'],
    ['schema', 9, 'schemas'],
  ] as const)('%s is told by the nibble %i', (kind, nibble, segment) => {
    const database = databaseRid(7);
    const container = containerRid(database, 3);
    const rid = childRid(kind, container, 258);
    expect((bytesOf(rid)[15] ?? 0) >> 4).toBe(nibble);
    expect(parseRid(rid)).toEqual({ kind, database, container, number: 258 });
    expect(selfLink(rid)).toBe(`dbs/${database}/colls/${container}/${segment}/${rid}/`);
    expect(childSelfLink(kind, selfLink(container), rid)).toBe(selfLink(rid));
  });

  test('items of one partition rise with their numbers, and differ from those of others', () => {
    const container = containerRid(databaseRid(1), 1);
    const place = (n: number, partition: number) =>
      bytesOf(documentRid(container, n, partition)).readBigUInt64LE(8);
    expect(place(1, 5)).toBeLessThan(place(2, 5));
    expect(place(2 ** 40, 5)).toBeLessThan(place(2 ** 40 + 1, 5));
    const all = Array.from({ length: 128 }, (_, partition) => documentRid(container, 1, 77 + partition));
    expect(new Set(all).size).toBe(128);
  });

  test('of two containers, made in turns, never mix', () => {
    const [a, b] = [containerRid(databaseRid(1), 1), containerRid(databaseRid(2), 1)];
    for (const container of [a, b, a]) {
      expect(parseRid(documentRid(container, 5, 1))).toMatchObject({ container, number: 5 });
    }
  });

  test('the published examples parse, and re-encode to themselves', () => {
    expect(bytesOf('kdY4AIn8g54=').toString('hex')).toBe('91d6380089fc839e');
    expect(parseRid('kdY4AA==')?.kind).toBe('database');
    expect(parseRid('kdY4AIn8g54BAAAAAAAAAA==')).toMatchObject({
      kind: 'document',
      database: 'kdY4AA==',
      container: 'kdY4AIn8g54=',
      number: 1,
    });
  });

  test.each([
    '',
    'a',
    'mydb',
    'kdY4AA',
    'kdY4AA==x',
    'kdY4/A==',
    '////',
    'kdY4AA==/',
    'AAAAAAAAAAAAAAAAAAAAAA==',
  ])('not a database, container or document: %j', (text) => {
    expect(['database', 'container', 'document']).not.toContain(parseRid(text)?.kind);
  });

  test('self links of top resources', () => {
    const database = databaseRid(1);
    const container = containerRid(database, 1);
    expect(selfLink(database)).toBe(`dbs/${database}/`);
    expect(selfLink(container)).toBe(`dbs/${database}/colls/${container}/`);
    expect(selfLink(userRid(database, 1))).toMatch(/^dbs\/.*\/users\/.*\/$/);
    expect(selfLink(offerRid(1))).toBe(`offers/${offerRid(1)}/`);
  });
});
