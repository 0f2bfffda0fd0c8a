import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createDevelopmentCertificates, type Disk } from '../runtime/index.ts';

/** PEM texts for a listener. */
export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
}

/**
 * The development certificate for `hosts`, kept in `directory` so that a client that trusts `ca.pem` once
 * need not be told again. The server's certificate is renewed when it runs out or another host is named.
 */
export async function loadCertificate(
  disk: Disk,
  directory: string,
  { hosts, nowMs }: { readonly hosts: readonly string[]; readonly nowMs: number },
): Promise<ServerCertificate> {
  await disk.makeDirectory(directory);
  const names = await disk.list(directory);
  const hasAuthority = names.includes('ca.pem') && names.includes('ca-key.pem');
  const authority = hasAuthority
    ? {
        key: await readText(disk, `${directory}/ca-key.pem`),
        cert: await readText(disk, `${directory}/ca.pem`),
      }
    : undefined;
  if (authority !== undefined && names.includes('server.pem') && names.includes('server-key.pem')) {
    const kept = {
      key: await readText(disk, `${directory}/server-key.pem`),
      cert: await readText(disk, `${directory}/server.pem`),
    };
    if (isUsable(kept, { authority: authority.cert, hosts, nowMs })) return kept;
  }
  const made = createDevelopmentCertificates({
    hosts,
    nowMs,
    ...(authority === undefined ? {} : { authority }),
  });
  await writeText(disk, `${directory}/ca.pem`, made.authority.cert);
  await writeText(disk, `${directory}/ca-key.pem`, made.authority.key);
  await writeText(disk, `${directory}/server.pem`, made.cert);
  await writeText(disk, `${directory}/server-key.pem`, made.key);
  await disk.syncDirectory(directory);
  return { key: made.key, cert: made.cert };
}

/** A week before it runs out a certificate is renewed: servers run for days. */
const RENEW_BEFORE_MS = 7 * 86_400_000;

function isUsable(
  kept: ServerCertificate,
  wanted: { readonly authority: string; readonly hosts: readonly string[]; readonly nowMs: number },
): boolean {
  const { authority, hosts, nowMs } = wanted;
  const issuer = new X509Certificate(authority);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(kept.cert);
    // A renewal that was cut short leaves a new certificate with the old key.
    if (!certificate.checkPrivateKey(createPrivateKey(kept.key))) return false;
  } catch {
    return false;
  }
  if (!certificate.verify(issuer.publicKey)) return false;
  if (Date.parse(certificate.validTo) - RENEW_BEFORE_MS < nowMs) return false;
  return hosts.every((host) => names(certificate, host));
}

function names(certificate: X509Certificate, host: string): boolean {
  // Which of the two it is shows in the characters; to ask for the address of a name is an error.
  const isAddress = /^[\d.]+$/.test(host) || host.includes(':');
  return (isAddress ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined;
}

async function readText(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path, 'read');
  const text = (await file.read(0, 1 << 16)).toString('utf8');
  await file.close();
  return text;
}

/** Whole or not at all: a start that is cut short must not leave half a key behind. */
async function writeText(disk: Disk, path: string, text: string): Promise<void> {
  const fresh = `${path}.new`;
  await disk.remove(fresh);
  const file = await disk.open(fresh, 'create');
  await file.write(0, [Buffer.from(text)]);
  await file.sync();
  await file.close();
  await disk.rename(fresh, path);
}
