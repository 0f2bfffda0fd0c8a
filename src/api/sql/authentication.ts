import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { DatabaseError } from '../../errors/index.ts';
import type { HttpRequest, Runtime } from '../../runtime/index.ts';
import type { Route } from './route.ts';

/** Base64 texts. A read-only key may do everything that changes nothing. */
export interface AccountKeys {
  readonly primary: string;
  readonly secondary?: string;
  readonly primaryReadOnly?: string;
  readonly secondaryReadOnly?: string;
}

export type Grant = 'all' | 'read';

/** Clients whose clock differs more than this from ours are refused. */
const SKEW_MS_MAX = 15 * 60_000;
/** Signatures remembered in each of two generations. */
const REMEMBERED_MAX = 4096;

/** A request that was found right, but for its date. */
interface Verified {
  readonly method: string;
  readonly target: string;
  readonly date: string;
  readonly isStandard: boolean;
  readonly grant: Grant;
}

interface SigningKey {
  readonly secret: KeyObject;
  readonly grant: Grant;
}

/**
 * Checks the master-key signature of requests.
 *
 * A signature stays right as long as the keys do, so what was once verified is remembered under everything
 * that went into it; only the date is judged each time. Clients repeat dates within a second, and point
 * reads repeat whole requests.
 */
export class Authentication {
  readonly #runtime: Pick<Runtime, 'nowMs'>;
  readonly #keys: () => AccountKeys;
  /** By authorization header. When the newer one is full the older one is forgotten. */
  #verified = new Map<string, Verified>();
  #verifiedBefore = new Map<string, Verified>();
  #keysInUse: AccountKeys | undefined;
  #signingKeys: readonly SigningKey[] = [];
  #lastDate = '';
  #lastDateMs = Number.NaN;

  /** `keys` is asked on each request; another object than before means that the keys were changed. */
  constructor(runtime: Pick<Runtime, 'nowMs'>, keys: () => AccountKeys) {
    this.#runtime = runtime;
    this.#keys = keys;
  }

  /** How many signatures are remembered. */
  get remembered(): number {
    return this.#verified.size + this.#verifiedBefore.size;
  }

  /**
   * What the signer may do.
   * @throws DatabaseError `Unauthorized` without a right signature, `Forbidden` when it is not valid now.
   */
  check(request: HttpRequest, route: Route): Grant {
    const { headers } = request;
    const authorization = headers.authorization;
    if (typeof authorization !== 'string' || authorization === '') throw missing();
    const date = headers['x-ms-date'] ?? headers.date;
    if (typeof date !== 'string') {
      // Other kinds of token carry no date, and must be told what is wrong with them.
      signatureOf(authorization);
      throw undated();
    }
    this.#refreshKeys();
    const isStandard = headers['x-ms-date'] === undefined;
    const known = this.#verified.get(authorization) ?? this.#verifiedBefore.get(authorization);
    const isKnown =
      known !== undefined &&
      known.method === request.method &&
      known.target === request.target &&
      known.date === date &&
      known.isStandard === isStandard;
    const grant = isKnown ? known.grant : this.#verify({ request, route, date, isStandard }, authorization);
    this.#checkDate(date);
    return grant;
  }

  #remember(authorization: string, verified: Verified): void {
    if (this.#verified.size >= REMEMBERED_MAX) {
      this.#verifiedBefore = this.#verified;
      this.#verified = new Map();
    }
    this.#verified.set(authorization, verified);
  }

  #refreshKeys(): void {
    const keys = this.#keys();
    if (keys === this.#keysInUse) return;
    this.#keysInUse = keys;
    this.#verified.clear();
    this.#verifiedBefore.clear();
    this.#signingKeys = [
      ...[keys.primary, keys.secondary].flatMap((key) => signingKey(key, 'all')),
      ...[keys.primaryReadOnly, keys.secondaryReadOnly].flatMap((key) => signingKey(key, 'read')),
    ];
  }

  #verify(signed: SignedRequest, authorization: string): Grant {
    const signature = signatureOf(authorization);
    const payloads = payloadsOf(signed);
    for (const payload of payloads) {
      for (const { secret, grant } of this.#signingKeys) {
        const expected = createHmac('sha256', secret).update(payload).digest('base64');
        if (!isSameText(signature, expected)) continue;
        const { request, date, isStandard } = signed;
        this.#remember(authorization, {
          method: request.method,
          target: request.target,
          date,
          isStandard,
          grant,
        });
        return grant;
      }
    }
    throw new DatabaseError(
      'Unauthorized',
      "The input authorization token can't serve the request. " +
        'Please check that the expected payload is built as per the protocol, ' +
        'and check the key being used. ' +
        'Server used the following payload to sign: ' +
        `'${payloads[0]}'`,
    );
  }

  #checkDate(date: string): void {
    if (date !== this.#lastDate) {
      this.#lastDate = date;
      this.#lastDateMs = Date.parse(date);
    }
    if (Number.isNaN(this.#lastDateMs)) throw undated();
    const now = this.#runtime.nowMs();
    if (Math.abs(now - this.#lastDateMs) <= SKEW_MS_MAX) return;
    const text = (ms: number) => new Date(ms).toUTCString();
    throw new DatabaseError(
      'Forbidden',
      'The authorization token is not valid at the current time. Please create another token and retry ' +
        `(token start time: ${text(this.#lastDateMs - SKEW_MS_MAX)}, token expiry time: ` +
        `${text(this.#lastDateMs + SKEW_MS_MAX)}, current server time: ${text(now)}).`,
    );
  }
}

interface SignedRequest {
  readonly request: HttpRequest;
  readonly route: Route;
  readonly date: string;
  /** Dated by the standard header, which is signed in another place than `x-ms-date`. */
  readonly isStandard: boolean;
}

/** The texts that a client may have signed for this request, the usual one first. */
function payloadsOf({ request, route, date, isStandard }: SignedRequest): string[] {
  const verb = request.method.toLowerCase();
  const dates = isStandard ? `\n${date.toLowerCase()}\n` : `${date.toLowerCase()}\n\n`;
  const payload = (type: string, link: string) => `${verb}\n${type}\n${link}\n${dates}`;
  const payloads = [payload(route.type, route.link)];
  if (route.alternativeType !== route.type) payloads.push(payload(route.alternativeType, route.link));
  const rid = route.link.slice(route.link.lastIndexOf('/') + 1).toLowerCase();
  // Clients that address by rid sign the last rid alone, in lower case; of a feed that is its owner's.
  if (rid !== route.link && rid.endsWith('=')) payloads.push(payload(route.type, rid));
  return payloads;
}

function signingKey(key: string | undefined, grant: Grant): SigningKey[] {
  return key === undefined ? [] : [{ secret: createSecretKey(Buffer.from(key, 'base64')), grant }];
}

/**
 * Takes the same time wherever the texts differ. Text, because a digest as a Buffer costs more than the
 * whole computation of one as text.
 */
function isSameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

/** The signature in base64, from an authorization header that is percent-encoded or not. */
function signatureOf(authorization: string): string {
  let text = authorization;
  if (text.includes('%')) {
    try {
      text = decodeURIComponent(text);
    } catch {
      throw malformed(authorization);
    }
  }
  const match = /^type=([^&]*)&ver=([^&]*)&sig=(.*)$/is.exec(text);
  if (match === null) throw malformed(authorization);
  const type = match[1]?.toLowerCase();
  if (type === 'aad' || type === 'resource' || type === 'sas') throw unsupported(type);
  if (type !== 'master' || match[2] !== '1.0') throw malformed(authorization);
  return match[3] ?? '';
}

function missing(): DatabaseError {
  return new DatabaseError(
    'Unauthorized',
    'Required Header authorization is missing. Ensure a valid Authorization token is passed.',
  );
}

function undated(): DatabaseError {
  return new DatabaseError(
    'Unauthorized',
    "The input date header is missing or not in RFC 1123 form. Please pass the header 'x-ms-date' or 'date'.",
  );
}

function malformed(authorization: string): DatabaseError {
  const shown = authorization.slice(0, 40);
  return new DatabaseError(
    'Unauthorized',
    `The format of value '${shown}' for HTTP header 'authorization' is invalid.`,
  );
}

const TOKEN_KINDS = {
  aad: 'Microsoft Entra tokens',
  resource: 'Resource tokens',
  sas: 'Shared access tokens',
} as const;

function unsupported(type: keyof typeof TOKEN_KINDS): DatabaseError {
  return new DatabaseError(
    'Unauthorized',
    `${TOKEN_KINDS[type]} are not accepted by this server: sign the request with an account key.`,
  );
}
