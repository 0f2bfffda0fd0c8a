import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../runtime/index.ts';
import { type AccountKeys, Authentication } from './authentication.ts';
import { routeOf } from './route.ts';

const KEY = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');
const OTHER = Buffer.from('another key').toString('base64');
const DATE = 'Tue, 02 Jan 2024 03:04:05 GMT';
const NOW = Date.parse(DATE);

interface Case {
  readonly method?: string;
  readonly target?: string;
  readonly headers: HttpRequest['headers'];
  readonly keys?: AccountKeys;
  readonly nowMs?: number;
}

function check({ method = 'GET', target = '/dbs/d', headers, keys = { primary: KEY }, nowMs = NOW }: Case) {
  const authentication = new Authentication({ nowMs: () => nowMs }, () => keys);
  return authentication.check(...requestOf(method, target, headers));
}

function requestOf(method: string, target: string, headers: HttpRequest['headers']) {
  const route = routeOf(target);
  if (route === undefined) throw new TypeError('the test names an unknown route');
  return [{ method, target, headers, body: Buffer.alloc(0), secure: false }, route] as const;
}

function token(payload: string, key = KEY): string {
  const digest = createHmac('sha256', Buffer.from(key, 'base64')).update(payload).digest('base64');
  return encodeURIComponent(`type=master&ver=1.0&sig=${digest}`);
}

const code = (name: string) => expect.objectContaining({ code: name });

describe('published signatures', () => {
  test.each([
    ['GET', '/dbs/Db1/colls/Coll1/docs/Doc%201', 'Bk3l2kOn04RrLzltJ0PPBIAaniP1mm7TLCl19XUgbJw='],
    ['POST', '/dbs', '+RDS1/apwpIgP4l2GfCEr7QA5HH/umJIyd8jR9ykPV0='],
    ['GET', '/', 'htvNOMIbgl+x2DMiIifxnpCT3WzmZ9yXkxOCfweZ+EI='],
  ])('%s %s', (method, target, signature) => {
    const plain = `type=master&ver=1.0&sig=${signature}`;
    const encoded = encodeURIComponent(plain);
    const lower = encoded.replace(/%../g, (octet) => octet.toLowerCase());
    for (const authorization of [plain, encoded, lower]) {
      expect(check({ method, target, headers: { authorization, 'x-ms-date': DATE } })).toBe('all');
    }
    const altered = encodeURIComponent(plain.replace(/sig=./, 'sig=_'));
    const forged = { authorization: altered, 'x-ms-date': DATE };
    expect(() => check({ method, target, headers: forged })).toThrow(code('Unauthorized'));
  });
});

describe('what is signed', () => {
  const dated = DATE.toLowerCase();

  test('the standard date stands in another place', () => {
    const authorization = token(`get\ndbs\ndbs/d\n\n${dated}\n`);
    expect(check({ headers: { authorization, date: DATE } })).toBe('all');
    expect(() => check({ headers: { authorization, 'x-ms-date': DATE } })).toThrow(code('Unauthorized'));
  });

  test('a remembered signature still counts only for its own kind of date', () => {
    const authentication = new Authentication({ nowMs: () => NOW }, () => KEYS);
    const authorization = token(`get\ndbs\ndbs/d\n${dated}\n\n`);
    expect(authentication.check(...requestOf('GET', '/dbs/d', { authorization, 'x-ms-date': DATE }))).toBe(
      'all',
    );
    const standard = requestOf('GET', '/dbs/d', { authorization, date: DATE });
    expect(() => authentication.check(...standard)).toThrow(code('Unauthorized'));
  });

  test('requests by rid sign the last rid in lower case', () => {
    const authorization = token(`get\ncolls\nkdy4ain8g54=\n${dated}\n\n`);
    const headers = { authorization, 'x-ms-date': DATE };
    expect(check({ target: '/dbs/kdY4AA==/colls/kdY4AIn8g54=/', headers })).toBe('all');
  });

  test('other types for one request', () => {
    const target = '/dbs/d/colls/c/operations/partitionkeydelete';
    for (const type of ['colls', 'partitionkey']) {
      const authorization = token(`post\n${type}\ndbs/d/colls/c\n${dated}\n\n`);
      expect(check({ method: 'POST', target, headers: { authorization, 'x-ms-date': DATE } })).toBe('all');
    }
  });

  const KEYS = { primary: KEY, secondary: OTHER };

  test('a signature holds for its own verb, target and date only, also once it is remembered', () => {
    const authentication = new Authentication({ nowMs: () => NOW }, () => KEYS);
    const authorization = token(`get\ndbs\ndbs/d\n${dated}\n\n`);
    const headers = { authorization, 'x-ms-date': DATE };
    expect(authentication.check(...requestOf('GET', '/dbs/d', headers))).toBe('all');
    expect(authentication.check(...requestOf('GET', '/dbs/d', headers))).toBe('all');
    const later = { authorization, 'x-ms-date': 'Tue, 02 Jan 2024 03:04:06 GMT' };
    for (const request of [
      requestOf('DELETE', '/dbs/d', headers),
      requestOf('GET', '/dbs/e', headers),
      requestOf('GET', '/dbs/d', later),
    ]) {
      expect(() => authentication.check(...request)).toThrow(code('Unauthorized'));
    }
  });

  test('all four keys', () => {
    const keys = { primary: 'AAAA', secondary: 'BBBB', primaryReadOnly: 'CCCC', secondaryReadOnly: 'DDDD' };
    const grant = (key: string) => {
      const authorization = token(`get\ndbs\ndbs/d\n${dated}\n\n`, key);
      return check({ headers: { authorization, 'x-ms-date': DATE }, keys });
    };
    expect(['AAAA', 'BBBB', 'CCCC', 'DDDD'].map(grant)).toEqual(['all', 'all', 'read', 'read']);
    expect(() => grant('EEEE')).toThrow(code('Unauthorized'));
  });

  test('a changed key ends what was remembered', () => {
    let keys: AccountKeys = { primary: KEY };
    const authentication = new Authentication({ nowMs: () => NOW }, () => keys);
    const headers = { authorization: token(`get\ndbs\ndbs/d\n${dated}\n\n`), 'x-ms-date': DATE };
    expect(authentication.check(...requestOf('GET', '/dbs/d', headers))).toBe('all');
    keys = { primary: OTHER };
    expect(() => authentication.check(...requestOf('GET', '/dbs/d', headers))).toThrow(code('Unauthorized'));
  });

  test('thousands of signatures do not pile up', () => {
    const authentication = new Authentication({ nowMs: () => NOW }, () => KEYS);
    for (let i = 0; i < 9000; i++) {
      const headers = { authorization: token(`get\ndbs\ndbs/d${i}\n${dated}\n\n`), 'x-ms-date': DATE };
      authentication.check(...requestOf('GET', `/dbs/d${i}`, headers));
    }
    expect(authentication.remembered).toBeLessThanOrEqual(8192);
  });
});

describe('when', () => {
  const headers = { authorization: token(`get\ndbs\ndbs/d\n${DATE.toLowerCase()}\n\n`), 'x-ms-date': DATE };
  const minutes = 60_000;

  test('fifteen minutes either way', () => {
    expect(check({ headers, nowMs: NOW + 15 * minutes })).toBe('all');
    expect(check({ headers, nowMs: NOW - 15 * minutes })).toBe('all');
    for (const nowMs of [NOW + 16 * minutes, NOW - 16 * minutes]) {
      expect(() => check({ headers, nowMs })).toThrow(code('Forbidden'));
      expect(() => check({ headers, nowMs })).toThrow(/not valid at the current time.*current server time/);
    }
  });

  test('a date that is none', () => {
    const authorization = token('get\ndbs\ndbs/d\nyesterday\n\n');
    expect(() => check({ headers: { authorization, 'x-ms-date': 'yesterday' } })).toThrow(
      code('Unauthorized'),
    );
    expect(() => check({ headers: { authorization } })).toThrow(/date/);
  });
});

describe('refused with a reason', () => {
  test.each([
    [undefined, /Required Header authorization is missing/],
    ['nonsense', /format of value/],
    ['type%3Dmaster%26ver%3D1.0%26sig%3D%zz', /format of value/],
    ['type=resource&ver=1.0&sig=abc', /Resource tokens are not accepted/],
    ['type=aad&ver=1.0&sig=ey.ey.x', /Entra tokens are not accepted/],
    [
      token('get\ndbs\nwrong\n\n\n'),
      /^The input authorization token can't serve the request.*'get\ndbs\ndbs\/d\n/s,
    ],
  ])('%s', (authorization, message) => {
    const headers = { ...(authorization === undefined ? {} : { authorization }), 'x-ms-date': DATE };
    expect(() => check({ headers })).toThrow(code('Unauthorized'));
    expect(() => check({ headers })).toThrow(message);
  });

  test('tokens that carry no date', () => {
    const headers = { authorization: 'type%3Dresource%26ver%3D1.0%26sig%3Dabc' };
    expect(() => check({ headers })).toThrow(/Resource tokens are not accepted/);
  });
});
