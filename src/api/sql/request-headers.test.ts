import { describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../runtime/index.ts';
import { feedScope } from './request-headers.ts';
import { routeOf } from './route.ts';

function scopeOf(headers: Record<string, string>) {
  const request: HttpRequest = {
    method: 'GET',
    target: '/dbs/d/colls/c/docs',
    headers,
    body: Buffer.alloc(0),
    secure: false,
  };
  const route = routeOf(request.target);
  if (route === undefined) throw new Error('it is a route');
  return feedScope(request, route);
}

describe('a part of a range of effective partition keys', () => {
  test('is taken in capitals, also when it is open at an end', () => {
    expect(scopeOf({ 'x-ms-start-epk': '', 'x-ms-end-epk': '05c1e1' })).toMatchObject({
      epkRange: { min: '', max: '05C1E1' },
    });
  });

  test.each(['xy', '0A1', '0A '])('is refused when it begins at "%s"', (start) => {
    expect(() => scopeOf({ 'x-ms-start-epk': start, 'x-ms-end-epk': 'FF' })).toThrow('x-ms-start-epk');
  });
});
