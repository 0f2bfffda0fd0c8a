import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import {
  bitString,
  boolean,
  integer,
  objectId,
  octetString,
  sequence,
  set,
  tagged,
  time,
  utf8String,
} from './node-tls-der.ts';

/** A private key and its certificate, both PEM texts. */
export interface CertificateWithKey {
  readonly key: string;
  readonly cert: string;
}

export interface DevelopmentCertificates extends CertificateWithKey {
  /** The development CA: clients trust its `cert`; whoever has its `key` can impersonate any host to them. */
  readonly authority: CertificateWithKey;
}

export interface DevelopmentCertificateOptions {
  /** Names or addresses besides localhost, 127.0.0.1 and ::1. */
  readonly hosts?: readonly string[];
  readonly nowMs: number;
  /** Made earlier, so that clients that trust it need not be told again; a new one is made without it. */
  readonly authority?: CertificateWithKey;
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** Several platforms refuse server certificates that live longer than this. */
const SERVER_DAYS = 397;
/** Clocks of clients may be behind ours. */
const BACKDATED_MS = DAY_MS;

/**
 * A certificate for this machine's server, signed by a development CA, with EC P-256 keys. The server
 * certificate lives 397 days, the CA ten years. Keeping them is the caller's business.
 */
export function createDevelopmentCertificates(
  options: DevelopmentCertificateOptions,
): DevelopmentCertificates {
  const authority = options.authority ?? createAuthority(options.nowMs);
  const authorityKey = createPrivateKey(authority.key);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const hosts = [...new Set(['localhost', '127.0.0.1', '::1', ...(options.hosts ?? [])])];
  const cert = certificate({
    subject: 'localhost',
    issuer: authorityName(authority.cert),
    nowMs: options.nowMs,
    days: SERVER_DAYS,
    publicKey,
    signer: authorityKey,
    extensions: [
      extension(OID.basicConstraints, sequence(), true),
      extension(OID.keyUsage, bitString(Buffer.from([0x80]), 7), true), // digitalSignature
      extension(OID.extendedKeyUsage, sequence(objectId(OID.serverAuth))),
      extension(OID.subjectAltName, sequence(...hosts.map(generalName))),
      extension(OID.subjectKeyId, octetString(keyId(publicKey))),
      extension(OID.authorityKeyId, sequence(tagged(0x80, keyId(createPublicKey(authorityKey))))),
    ],
  });
  return { authority, key: pemOf(privateKey), cert };
}

function createAuthority(nowMs: number): CertificateWithKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // Two CAs of one name on a machine confuse clients that look issuers up by name.
  const name = `Orrery development CA ${randomBytes(4).toString('hex')}`;
  const cert = certificate({
    subject: name,
    issuer: name,
    nowMs,
    days: AUTHORITY_DAYS,
    publicKey,
    signer: privateKey,
    extensions: [
      extension(OID.basicConstraints, sequence(boolean(true), integer(Buffer.from([0]))), true),
      extension(OID.keyUsage, bitString(Buffer.from([0x06]), 1), true), // keyCertSign, cRLSign
      extension(OID.subjectKeyId, octetString(keyId(publicKey))),
    ],
  });
  return { key: pemOf(privateKey), cert };
}

interface CertificateContent {
  readonly subject: string;
  readonly issuer: string;
  readonly nowMs: number;
  readonly days: number;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280 §4.1, as PEM. */
function certificate(content: CertificateContent): string {
  const algorithm = sequence(objectId(OID.ecdsaWithSha256));
  const notBefore = content.nowMs - BACKDATED_MS;
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40; // positive, and no leading zero byte
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))), // version 3
    integer(serial),
    algorithm,
    distinguishedName(content.issuer),
    sequence(time(notBefore), time(notBefore + content.days * DAY_MS)),
    distinguishedName(content.subject),
    content.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...content.extensions)),
  );
  const der = sequence(body, algorithm, bitString(sign('sha256', body, content.signer)));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function distinguishedName(commonName: string): Buffer {
  return sequence(set(sequence(objectId(OID.commonName), utf8String(commonName))));
}

function authorityName(cert: string): string {
  const match = /^CN=(.+)$/m.exec(new X509Certificate(cert).subject);
  if (match?.[1] === undefined) throw new RangeError('the CA certificate has no common name');
  return match[1];
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return critical
    ? sequence(objectId(id), boolean(true), octetString(value))
    : sequence(objectId(id), octetString(value));
}

function generalName(host: string): Buffer {
  return isIP(host) === 0 ? tagged(0x82, Buffer.from(host, 'latin1')) : tagged(0x87, addressBytes(host));
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const left = head.split(':').flatMap(groupBytes);
  const right = (tail ?? '').split(':').flatMap(groupBytes);
  return Buffer.from([...left, ...new Array<number>(16 - left.length - right.length).fill(0), ...right]);
}

function groupBytes(group: string): number[] {
  if (group === '') return [];
  if (group.includes('.')) return group.split('.').map(Number); // ::ffff:127.0.0.1
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}

/** RFC 5280 §4.2.1.2, method 1: SHA-1 over the key's bits, for P-256 the last 65 bytes of its SPKI. */
function keyId(publicKey: KeyObject): Buffer {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha1').update(spki.subarray(-65)).digest();
}

function pemOf(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
