import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runs } from '../../test/kit/properties.ts';
import {
  etagWithin,
  ITEM_BYTES_MAX,
  itemTtl,
  readItem,
  SYSTEM_PROPERTIES,
  withSystemProperties,
} from './item-text.ts';

const read = (text: string) => readItem(Buffer.from(text));
const system = { rid: 'r+d=', self: 'dbs/d/', etag: '"e"', ts: 12 };

/** JSON in many spellings: members with chosen names, odd white space, escaped names. */
const space = fc.constantFrom('', '', '', ' ', '\n\t', '\r\n  ');
const escaped = (name: string) =>
  `"${[...name].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
const memberName = fc.oneof(
  fc.constantFrom(...SYSTEM_PROPERTIES, '_lsn', '_rids', '1', '__proto__', 'a,b', '"', '{'),
  fc.string(),
);
const spelledName = fc.tuple(memberName, fc.boolean()).map(([name, isEscaped]) => ({
  name,
  text: isEscaped && name.length > 0 ? escaped(name) : JSON.stringify(name),
}));
const value = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.constantFrom(
    '1.50e+1',
    '-0',
    '"}"',
    '"\\""',
    '"a\\\\"',
    '[{"_rid":1}]',
    '{"_ts":[1,2]}',
    '[]',
    '{ }',
    '"é😀"',
  ),
);
const member = fc.tuple(space, spelledName, space, value, space);

function spell(members: [string, { name: string; text: string }, string, string, string][]): string {
  return `{${members.map(([a, name, b, text, c]) => `${a}${name.text}${b}:${text}${c}`).join(',')}}`;
}

describe('reading', () => {
  test('keeps every byte of the user, and drops system properties wherever they stand', () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 8 }), space, fc.nat(8), (members, around, idAt) => {
        members.splice(idAt, 0, ['', { name: 'id', text: '"id"' }, '', '"x"', '']);
        const received = `${around}${spell(members)}${around}`;
        const { object, text } = read(received);
        const isSystem = (name: string) => (SYSTEM_PROPERTIES as readonly string[]).includes(name);
        const kept = members.filter(([, { name }]) => !isSystem(name));
        expect(text.toString()).toBe(spell(kept));
        const expected = JSON.parse(received);
        for (const name of SYSTEM_PROPERTIES) delete expected[name];
        expect(object).toEqual(expected);
        expect(JSON.stringify(object)).toBe(JSON.stringify(expected));
      }),
      { numRuns: runs(500) },
    );
  });

  test('gives a view of what was received when nothing is to be cut', () => {
    const received = Buffer.from(' {"id":"a"} ');
    expect(readItem(received).text.buffer).toBe(received.buffer);
  });

  test.each([
    ['', 'not JSON'],
    ['{', 'not JSON'],
    ['[]', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['"id"', 'not a JSON object'],
    ['\ufeff{"id":"a"}', 'not JSON'],
    ['{"id":"a"}x', 'not JSON'],
    ['{"id":1}', 'non-empty string'],
    ['{}', "required properties - 'id; ' - are missing"],
    ['{"id":"a/b"}', 'illegal chars'],
  ])('refuses %j', (text, reason) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'BadRequest' }));
    expect(() => read(text)).toThrow(reason);
  });

  test('refuses bytes that are not UTF-8', () => {
    const received = Buffer.from('{"id":"aé"}');
    received[8] = 0xff;
    expect(() => readItem(received)).toThrow('not UTF-8');
  });

  test('refuses more than 2 MiB, and nothing of just that size', () => {
    const frame = '{"id":"a","x":""}';
    const sized = (bytes: number) => frame.replace('""', `"${'x'.repeat(bytes - frame.length)}"`);
    expect(read(sized(ITEM_BYTES_MAX)).text).toHaveLength(ITEM_BYTES_MAX);
    expect(() => read(sized(ITEM_BYTES_MAX + 1))).toThrow(
      expect.objectContaining({ code: 'RequestEntityTooLarge', message: 'Request size is too large' }),
    );
  });

  test('refuses more than 128 levels, brackets in strings not counted', () => {
    const nested = (levels: number) => `{"id":"a","x":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    expect(read(nested(128)).object.id).toBe('a');
    expect(() => read(nested(129))).toThrow('nested');
    expect(() => read(nested(900_000))).toThrow('nested');
    expect(read(`{"id":"a","x":"${'[\\"'.repeat(200)}"}`).object.id).toBe('a');
    expect(read(`{"id":"a","x":[${'[],{},'.repeat(200)}1]}`).object.id).toBe('a');
  });
});

describe('a number', () => {
  const digits = (count: number) => '9'.repeat(count);

  test.each([
    '1e400',
    '-1E+309',
    '[1, {"y": 1e0000400}]',
    '1.8e308',
    digits(310),
    `${digits(250)}e99`,
    `[1, ${digits(310)}.5]`,
  ])('that no double holds is refused: %s', (number) => {
    expect(() => read(`{"id":"a","x":${number}}`)).toThrow('out of range');
    expect(() => read(`{"x":${number},"id":"a"}`)).toThrow('out of range');
  });

  test.each([
    '1e-400',
    '1.7976931348623157e308',
    `0.${digits(400)}`,
    `[${'1,'.repeat(300)}1e2]`,
    '"1e400"',
    'true',
  ])('that a double holds, if only nearly, keeps its text: %s', (number) => {
    expect(read(`{"id":"a","x":${number}}`).text.toString()).toBe(`{"id":"a","x":${number}}`);
  });
});

describe('completing', () => {
  test('appends the system properties in their fixed order', () => {
    const complete = withSystemProperties(read('{"id":"a","2":1,"1":2}\n').text, system);
    expect(complete.toString()).toBe(
      '{"id":"a","2":1,"1":2,"_rid":"r+d=","_self":"dbs/d/",' +
        '"_etag":"\\"e\\"","_attachments":"attachments/","_ts":12}',
    );
  });

  test.each(['{}', '{ }', '{\n\t}'])('also to an empty object: %j', (text) => {
    expect(JSON.parse(withSystemProperties(Buffer.from(text), system).toString())).toEqual({
      _rid: 'r+d=',
      _self: 'dbs/d/',
      _etag: '"e"',
      _attachments: 'attachments/',
      _ts: 12,
    });
  });

  test('a complete item that is sent back loses exactly what was appended', () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 6 }), (members) => {
        const { text } = read(spell([...members, ['', { name: 'id', text: '"id"' }, '', '"x"', '']]));
        const complete = withSystemProperties(text, system);
        expect(read(complete.toString()).text.toString()).toBe(text.toString());
        expect(JSON.parse(complete.toString())).toMatchObject({ _etag: '"e"', _ts: 12 });
        expect(etagWithin(complete)).toBe('"e"');
        expect(etagWithin(text)).toBeUndefined();
      }),
    );
  });
});

test('the time to live of an item', () => {
  expect(itemTtl({})).toBeUndefined();
  expect([-1, 1, 2 ** 31 - 1].map((ttl) => itemTtl({ ttl }))).toEqual([-1, 1, 2 ** 31 - 1]);
  for (const ttl of [0, -2, 1.5, null, '5', 2 ** 31]) {
    expect(() => itemTtl({ ttl }), String(ttl)).toThrow(expect.objectContaining({ code: 'BadRequest' }));
  }
});
