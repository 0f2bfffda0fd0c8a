import { createHmac } from 'node:crypto';
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { KEY } from './sdks.ts';

/** A request as it stands on the wire; signed unless `authorization` says otherwise. */
export interface WireRequest {
  readonly method: string;
  /** Sent as it is, escapes and all. */
  readonly target: string;
  readonly resourceType?: string;
  readonly resourceLink?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly date?: Date;
  readonly key?: string;
  /** Instead of a signature; null sends none. */
  readonly authorization?: string | null;
  /** Without Content-Length. */
  readonly isChunked?: boolean;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Empty when the text is no JSON object. */
  readonly json: WireBody;
}

/** What tests look for in answers. */
export interface WireBody {
  readonly code?: string;
  readonly message?: string;
  readonly id?: string;
  readonly Documents?: readonly Record<string, unknown>[];
  readonly [name: string]: unknown;
}

const agent = new Agent({ keepAlive: true });

/** One plain HTTP request. */
export function send(endpoint: string, request: WireRequest): Promise<WireAnswer> {
  const { hostname, port } = new URL(endpoint);
  const date = (request.date ?? new Date()).toUTCString();
  const authorization = request.authorization === undefined ? sign(request, date) : request.authorization;
  const headers: Record<string, string> = {
    'x-ms-date': date,
    'x-ms-version': '2020-07-15',
    ...(authorization === null ? {} : { authorization }),
    ...(request.body === undefined || request.isChunked
      ? {}
      : { 'content-length': String(Buffer.byteLength(request.body)) }),
    ...request.headers,
  };
  return new Promise((resolve, reject) => {
    const { method, target: path } = request;
    const outgoing = httpRequest({ agent, hostname, port, method, path, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: parse(text) });
      });
    });
    outgoing.on('error', reject);
    if (request.body !== undefined) outgoing.write(request.body);
    outgoing.end();
  });
}

export function sign(request: WireRequest, date: string): string {
  const parts = [request.method.toLowerCase(), request.resourceType ?? '', request.resourceLink ?? ''];
  const text = `${parts.join('\n')}\n${date.toLowerCase()}\n\n`;
  const key = Buffer.from(request.key ?? KEY, 'base64');
  const signature = createHmac('sha256', key).update(text).digest('base64');
  return encodeURIComponent(`type=master&ver=1.0&sig=${signature}`);
}

function parse(text: string): WireBody {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** The headers that make a POST a query. */
export const QUERY_HEADERS = {
  'content-type': 'application/query+json',
  'x-ms-documentdb-isquery': 'True',
  'x-ms-documentdb-query-enablecrosspartition': 'true',
} as const;
