import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { createDevelopmentCertificates } from './node-tls-certificates.ts';
import { time } from './node-tls-der.ts';

const NOW = Date.now();
const certificates = createDevelopmentCertificates({
  hosts: ['orrery.test', '192.168.7.9', 'fe80::1:2'],
  nowMs: NOW,
});

describe('development certificates', () => {
  test('say what they are for', () => {
    const leaf = new X509Certificate(certificates.cert);
    const ca = new X509Certificate(certificates.authority.cert);
    expect(ca.ca).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.checkIssued(ca)).toBe(true);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    for (const host of ['localhost', 'orrery.test']) expect(leaf.checkHost(host)).toBe(host);
    for (const ip of ['127.0.0.1', '::1', '192.168.7.9', 'fe80::1:2'])
      expect(leaf.checkIP(ip), ip).toBeDefined();
    expect(leaf.checkHost('elsewhere.test')).toBeUndefined();
    expect(leaf.checkIP('127.0.0.2')).toBeUndefined();
    expect(Date.parse(leaf.validFrom)).toBeLessThan(NOW);
    expect(Date.parse(leaf.validTo)).toBeGreaterThan(NOW + 390 * 86_400_000);
    expect(Date.parse(ca.validTo)).toBeGreaterThan(Date.parse(leaf.validTo));
  });

  test('another server certificate of the same authority is trusted alike', () => {
    const again = createDevelopmentCertificates({ nowMs: NOW, authority: certificates.authority });
    expect(again.authority).toEqual(certificates.authority);
    expect(again.cert).not.toBe(certificates.cert);
    const ca = new X509Certificate(certificates.authority.cert);
    expect(new X509Certificate(again.cert).verify(ca.publicKey)).toBe(true);
  });

  test('openssl verifies the chain and the names', () => {
    const folder = mkdtempSync(join(tmpdir(), 'orrery-tls-'));
    try {
      const ca = join(folder, 'ca.pem');
      const leaf = join(folder, 'leaf.pem');
      writeFileSync(ca, certificates.authority.cert);
      writeFileSync(leaf, certificates.cert);
      const verify = (...flags: string[]) =>
        execFileSync(
          'openssl',
          ['verify', '-x509_strict', '-purpose', 'sslserver', ...flags, '-CAfile', ca, leaf],
          { stdio: 'pipe' },
        );
      expect(verify('-verify_hostname', 'localhost').toString()).toContain('OK');
      expect(verify('-verify_ip', '::1').toString()).toContain('OK');
      expect(() => verify('-verify_hostname', 'elsewhere.test')).toThrow();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a client that trusts the authority connects; another one refuses', async () => {
    const server = createServer({ key: certificates.key, cert: certificates.cert }, (socket) =>
      socket.end('hello'),
    );
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    const greet = (ca: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ port, host: 'localhost', ca }, () => undefined);
        socket.on('data', (data) => resolve(String(data)));
        socket.on('error', reject);
      });
    try {
      expect(await greet(certificates.authority.cert)).toBe('hello');
      const stranger = createDevelopmentCertificates({ nowMs: NOW });
      await expect(greet(stranger.authority.cert)).rejects.toThrow(/certificate/);
    } finally {
      server.close();
    }
  });
});

test('times from 2050 on take the longer form', () => {
  expect(
    time(Date.UTC(2049, 11, 31, 23, 59, 59))
      .toString('latin1')
      .slice(2),
  ).toBe('491231235959Z');
  expect(
    time(Date.UTC(2050, 0, 1))
      .toString('latin1')
      .slice(2),
  ).toBe('20500101000000Z');
});
