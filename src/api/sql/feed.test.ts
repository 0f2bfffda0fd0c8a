import { expect, test } from 'vitest';
import { finish } from '../../base/index.ts';
import { feedBody } from './feed.ts';

test('a body is made in pieces, of texts and of bytes', () => {
  const rows = Array.from({ length: 2_500 }, (_, i) => {
    const text = JSON.stringify({ i, text: i % 3 === 0 ? 'plain' : 'größer 🜚' });
    return i % 2 === 0 ? text : Buffer.from(text);
  });
  const making = feedBody('r=', 'Documents', rows);
  let pieces = 0;
  for (let step = making.next(); ; step = making.next()) {
    pieces += 1;
    if (step.done !== true) continue;
    const { body } = step.value;
    expect(JSON.parse(body.toString())).toEqual({
      _rid: 'r=',
      Documents: rows.map((row) => JSON.parse(String(row))),
      _count: 2_500,
    });
    break;
  }
  expect(pieces).toBeGreaterThan(4);
});

test('a body without rows', () => {
  const { body } = finish(feedBody('', 'Offers', []));
  expect(body.toString()).toBe('{"_rid":"","Offers":[],"_count":0}');
});
