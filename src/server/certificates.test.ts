import { X509Certificate } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNodeDisk } from '../runtime/index.ts';
import { loadCertificate } from './certificates.ts';

const disk = createNodeDisk();
const NOW = Date.UTC(2026, 0, 1);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orrery-tls-'));
});
afterEach(() => rm(folder, { recursive: true }));

const load = (hosts: readonly string[] = [], nowMs = NOW) => loadCertificate(disk, folder, { hosts, nowMs });
const authority = () => readFile(join(folder, 'ca.pem'), 'utf8');

async function isSound({ cert, key }: Awaited<ReturnType<typeof load>>): Promise<boolean> {
  const { createPrivateKey } = await import('node:crypto');
  const certificate = new X509Certificate(cert);
  const issuer = new X509Certificate(await authority());
  return certificate.verify(issuer.publicKey) && certificate.checkPrivateKey(createPrivateKey(key));
}

test('is made once and kept', async () => {
  const first = await load();
  expect(await isSound(first)).toBe(true);
  expect(await load()).toEqual(first);
});

test('is renewed for another host and before it runs out, by the same authority', async () => {
  const first = await load();
  const trusted = await authority();
  const named = await load(['db.example']);
  expect(named).not.toEqual(first);
  expect(new X509Certificate(named.cert).checkHost('db.example')).toBe('db.example');
  const endMs = Date.parse(new X509Certificate(named.cert).validTo);
  const renewed = await load(['db.example'], endMs - 86_400_000);
  expect(Date.parse(new X509Certificate(renewed.cert).validTo)).toBeGreaterThan(endMs);
  expect(await authority()).toBe(trusted);
});

test('a certificate with the key of another is made anew', async () => {
  await load();
  await copyFile(join(folder, 'server-key.pem'), join(folder, 'old-key'));
  await load(['db.example']);
  await copyFile(join(folder, 'old-key'), join(folder, 'server-key.pem'));
  expect(await isSound(await load(['db.example']))).toBe(true);
});

test.each(['server.pem', 'server-key.pem'])('a damaged %s is made anew', async (name) => {
  await load();
  const trusted = await authority();
  await writeFile(join(folder, name), 'damaged');
  expect(await isSound(await load())).toBe(true);
  expect(await authority()).toBe(trusted);
});

test('a certificate of another authority is made anew', async () => {
  await load();
  const other = await mkdtemp(join(tmpdir(), 'orrery-tls-'));
  await loadCertificate(disk, other, { hosts: [], nowMs: NOW });
  for (const name of ['ca.pem', 'ca-key.pem']) await copyFile(join(other, name), join(folder, name));
  await rm(other, { recursive: true });
  expect(await isSound(await load())).toBe(true);
});
