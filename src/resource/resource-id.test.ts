import { expect, test } from 'vitest';
import { checkItemId, checkResourceId } from './resource-id.ts';

const badRequest = expect.objectContaining({ code: 'BadRequest' });

test.each(['a', 'sample 中文 database', ' x', 'a%b+c', '😀', 'x'.repeat(255)])(
  'a resource may be called %j',
  (id) => {
    expect(checkResourceId(id)).toBe(id);
  },
);

test.each([1, null, '', 'a/b', 'a\\b', 'a?b', 'a#b', 'a ', 'x'.repeat(256), '\ud800'])(
  'a resource may not be called %j',
  (id) => {
    expect(() => checkResourceId(id)).toThrow(badRequest);
  },
);

test.each(['a', 'a?b', ' a ', '\t\r\n', '%', '中'.repeat(341), 'x'.repeat(1023)])(
  'an item may be called %j',
  (id) => {
    expect(checkItemId(id)).toBe(id);
  },
);

test.each([1, null, '', 'a/b', 'a\\b', 'a#b', '中'.repeat(342), 'x'.repeat(1024), 'a\udc00'])(
  'an item may not be called %j',
  (id) => {
    expect(() => checkItemId(id)).toThrow(badRequest);
  },
);

test('a missing id is told so', () => {
  for (const check of [checkItemId, checkResourceId]) {
    expect(() => check(undefined)).toThrow(
      "The input content is invalid because the required properties - 'id; ' - are missing",
    );
  }
});
