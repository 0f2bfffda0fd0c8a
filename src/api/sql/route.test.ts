import { describe, expect, test } from 'vitest';
import { routeOf } from './route.ts';

function check(target: string, expected: Record<string, string>): void {
  expect(routeOf(target)).toMatchObject(expected);
}

describe('targets', () => {
  test('the account', () => check('/', { kind: 'account', type: '', link: '' }));

  test('databases', () => {
    check('/dbs', { kind: 'databases', type: 'dbs', link: '' });
    check('/dbs/', { kind: 'databases' });
    check('/dbs/d', { kind: 'database', type: 'dbs', link: 'dbs/d', database: 'd' });
  });

  test('containers', () => {
    check('/dbs/d/colls', { kind: 'containers', type: 'colls', link: 'dbs/d', database: 'd' });
    check('/dbs/d/colls/c/', { kind: 'container', link: 'dbs/d/colls/c', container: 'c' });
    check('/dbs/my%20db/colls/%C3%A9t%C3%A9', {
      link: 'dbs/my db/colls/été',
      database: 'my db',
      container: 'été',
    });
  });

  test('what stands below a container', () => {
    check('/dbs/d/colls/c/docs', { kind: 'items', type: 'docs', link: 'dbs/d/colls/c' });
    check('/dbs/d/colls/c/pkranges', { kind: 'ranges', type: 'pkranges', link: 'dbs/d/colls/c' });
    check('/dbs/d/colls/c/sprocs', { kind: 'scripts', type: 'sprocs', link: 'dbs/d/colls/c' });
    check('/dbs/d/colls/c/udfs/f', { kind: 'script', type: 'udfs', id: 'f', link: 'dbs/d/colls/c/udfs/f' });
    const deletion = {
      kind: 'key-delete',
      type: 'colls',
      alternativeType: 'partitionkey',
      link: 'dbs/d/colls/c',
    };
    check('/dbs/d/colls/c/operations/partitionkeydelete', deletion);
  });

  test('a conflict is read at a doubled path that is signed as a user', () => {
    const conflict = { kind: 'conflict', type: 'conflicts', link: 'dbs/d/colls/c/conflicts/x' };
    check('/dbs/d/colls/c/conflicts/x', { ...conflict, alternativeType: 'conflicts' });
    check('/dbs/d/colls/c/conflicts/x/conflicts', { ...conflict, alternativeType: 'users' });
  });

  test('users, permissions, keys', () => {
    check('/dbs/d/users', { kind: 'absent-feed', type: 'users', link: 'dbs/d' });
    check('/dbs/d/users/u/permissions', { type: 'permissions', link: 'dbs/d/users/u' });
    check('/dbs/d/users/u/permissions/p', { type: 'permissions', link: 'dbs/d/users/u/permissions/p' });
    check('/dbs/d/clientencryptionkeys/k', { kind: 'absent-member', link: 'dbs/d/clientencryptionkeys/k' });
  });

  test('offers are signed by their lower-case rid', () => {
    check('/offers', { kind: 'offers', type: 'offers', link: '' });
    check('/offers/', { kind: 'offers' });
    check('/offers/AbC-/', { kind: 'offer', link: 'abc-', id: 'AbC-' });
    check('/offers//offers/AbC-/', { kind: 'offer', id: 'offers/AbC-' });
  });

  test.each([
    '/x',
    '/dbs/d/x',
    '/dbs//colls',
    '/dbs/d/colls/c/docs/i/attachments',
    '/addresses/',
    '/dbs/d/colls/c/nothing',
  ])('unknown: %s', (target) => expect(routeOf(target)).toBeUndefined());
});

describe('items', () => {
  const item = (raw: string) => routeOf(`/dbs/d/colls/c/docs/${raw}`);

  test.each([
    ['plain', 'plain'],
    ['a?b+%25', 'a?b+%'],
    ['with%20space%20', 'with space '],
    ['%E9%B1%80%F0%9F%98%80', '鱀😀'],
    ['100%2525', '100%25'],
    ['%0D%0A%09', '\r\n\t'],
    ['kdY4AIn8g54BAAAAAAAAAA==', 'kdY4AIn8g54BAAAAAAAAAA=='],
  ])('%s addresses one id', (raw, id) => {
    expect(item(raw)).toMatchObject({ kind: 'item', type: 'docs', link: `dbs/d/colls/c/docs/${id}`, id });
    expect(item(`${raw}/`)).toMatchObject({ link: `dbs/d/colls/c/docs/${id}`, id });
  });

  test('elsewhere a question mark begins a query string', () => {
    check('/dbs/d/colls/c/docs?x=/dbs/y', { kind: 'items', container: 'c' });
    check('/?x', { kind: 'account' });
  });

  test('the absolute form that proxies send', () =>
    check('http://host:1/dbs/d', { kind: 'database', database: 'd' }));

  test('bad escapes', () =>
    expect(() => item('%zz')).toThrow(expect.objectContaining({ code: 'BadRequest' })));
});
