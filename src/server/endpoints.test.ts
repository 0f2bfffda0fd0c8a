import { expect, test } from 'vitest';
import { endpointsFor, urlHost } from './endpoints.ts';

const REGIONS = [{ name: 'West US', port: 8082 }];
const endpoint = (host: string | undefined, secure = false, fallback = '127.0.0.1') =>
  endpointsFor(REGIONS, { host, secure }, fallback)[0]?.endpoint;

test.each([
  ['db.example:8081', 'http://db.example:8082/'],
  ['db.example', 'http://db.example:8082/'],
  ['[::1]:8081', 'http://[::1]:8082/'],
  ['[::1]', 'http://[::1]:8082/'],
  [undefined, 'http://127.0.0.1:8082/'],
  ['::1', 'http://127.0.0.1:8082/'],
])('reached the way the client came: %s', (host, expected) => {
  expect(endpoint(host)).toBe(expected);
});

test('by the same scheme', () => {
  expect(endpoint('db.example', true)).toBe('https://db.example:8082/');
});

test('a listen address in a URL', () => {
  expect(['0.0.0.0', '::', '::1', '127.0.0.1', 'name'].map(urlHost)).toEqual([
    'localhost',
    'localhost',
    '[::1]',
    '127.0.0.1',
    'name',
  ]);
});
