import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import type { HttpHandler, HttpListener, HttpRequest, HttpResponse } from './http.ts';
import { listenHttp } from './node-http.ts';
import { createDevelopmentCertificates } from './node-tls-certificates.ts';

const { key, cert, authority } = createDevelopmentCertificates({ nowMs: Date.now() });
const TLS = { key, cert };
const JSON_TYPE = ['content-type', 'application/json'];
const BODY_MAX = 10_000;

const open: HttpListener[] = [];
const agents: Agent[] = [];

afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy();
  await Promise.all(open.splice(0).map((listener) => listener.close()));
});

/** Tells back what it was given. */
const mirror: HttpHandler = ({ method, target, secure, body, headers }) => ({
  status: 200,
  headers: JSON_TYPE,
  body: JSON.stringify({ method, target, secure, body: body.toString(), custom: headers['x-custom'] }),
});

async function listen(handler: HttpHandler = mirror): Promise<HttpListener> {
  const refuse = (status: number): HttpResponse => ({
    status,
    headers: JSON_TYPE,
    body: `{"refused":${status}}`,
  });
  const options = { host: '127.0.0.1', port: 0, handler, tls: TLS, bodyBytesMax: BODY_MAX, refuse };
  const listener = await listenHttp(options);
  open.push(listener);
  return listener;
}

interface Received {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly socket: Socket;
}

function ask(
  port: number,
  options: RequestOptions & { secure?: boolean; body?: string | Buffer } = {},
): Promise<Received> {
  const { secure, body, ...rest } = options;
  const send = secure === true ? tlsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const all = { host: 'localhost', port, ...(secure === true ? { ca: authority.cert } : {}), ...rest };
    const outgoing = send(all, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode = 0, headers, socket } = response;
        resolve({ status: statusCode, headers, text: Buffer.concat(chunks).toString(), socket });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Sends raw bytes and collects what comes until the server closes. */
function raw(port: number, text: string, secure = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = secure
      ? tlsConnect({ port, host: 'localhost', ca: authority.cert })
      : connect({ port, host: '127.0.0.1' });
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
    socket.write(text);
  });
}

describe('HTTP and HTTPS on one port', () => {
  test.each([false, true])('secure: %s', async (secure) => {
    const { port } = await listen();
    const answer = await ask(port, {
      secure,
      path: '/a?b=%20',
      method: 'PUT',
      body: 'é',
      headers: { 'x-custom': '1' },
    });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual({
      method: 'PUT',
      target: '/a?b=%20',
      secure,
      body: 'é',
      custom: '1',
    });
    expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(answer.text)));
    expect(answer.headers['transfer-encoding']).toBeUndefined();
  });

  test.each([false, true])('connections are kept; secure: %s', async (secure) => {
    const { port } = await listen();
    const agent = new (secure ? TlsAgent : Agent)({ keepAlive: true, maxSockets: 1 });
    agents.push(agent);
    const sockets = new Set<Socket>();
    for (let i = 0; i < 5; i++) sockets.add((await ask(port, { secure, agent })).socket);
    expect(sockets.size).toBe(1);
  });

  test('a first byte that comes alone', async () => {
    const { port } = await listen();
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const text = 'GET /slow HTTP/1.1\r\nConnection: close\r\n\r\n';
    const received = new Promise<string>((resolve) => socket.on('data', (data) => resolve(String(data))));
    for (const byte of text) {
      socket.write(byte);
      await new Promise((done) => setImmediate(done));
    }
    expect(await received).toContain('"/slow"');
  });

  test('clients that say nothing, or break off, harm nobody', async () => {
    const { port } = await listen();
    const silent = connect({ port, host: '127.0.0.1' });
    const rude = connect({ port, host: '127.0.0.1' }, () => rude.resetAndDestroy());
    rude.on('error', () => undefined);
    const halfway = connect({ port, host: '127.0.0.1' }, () => halfway.write(Buffer.from([0x16, 3, 1])));
    await new Promise((done) => halfway.on('connect', done));
    expect((await ask(port)).status).toBe(200);
    const closed = new Promise((done) => silent.on('close', done));
    await open.pop()?.close();
    await closed;
    silent.destroy();
    halfway.destroy();
  });
});

describe('answers', () => {
  const answering = (status: number, body: Uint8Array | string | undefined) =>
    listen(() => ({ status, headers: ['etag', '"1"'], body }));

  test.each([
    ['a string', 'grüße 鱀'],
    ['small bytes', Buffer.from('grüße 鱀')],
    ['large bytes', Buffer.alloc(3_000_000, 'é')],
    ['a plain array', new Uint8Array(Buffer.from('plain'))],
  ])('bodies as %s', async (_name, body) => {
    const { port } = await answering(200, body);
    const { text } = await ask(port);
    expect(text === Buffer.from(body).toString()).toBe(true);
  });

  test('no body', async () => {
    expect((await ask((await answering(200, undefined)).port)).headers['content-length']).toBe('0');
    const { headers, status } = await ask((await answering(204, undefined)).port);
    expect([status, headers['content-length'], headers.etag]).toEqual([204, undefined, '"1"']);
    expect((await ask((await answering(304, undefined)).port)).status).toBe(304);
  });

  test('HEAD gets the headers of the body, and no body', async () => {
    const { port } = await listen();
    const { headers, text } = await ask(port, { method: 'HEAD' });
    expect(text).toBe('');
    expect(Number(headers['content-length'])).toBeGreaterThan(10);
  });

  test('a promise may answer later', async () => {
    const { port } = await listen(async () => {
      await new Promise((done) => setTimeout(done, 5));
      return { status: 201, headers: [], body: 'later' };
    });
    expect(await ask(port)).toMatchObject({ status: 201, text: 'later' });
  });

  test('pipelined requests are answered in their order', async () => {
    const { port } = await listen(async ({ target }) => {
      if (target === '/first') await new Promise((done) => setTimeout(done, 20));
      return { status: 200, headers: [], body: `<${target}>` };
    });
    const received = await raw(
      port,
      'GET /first HTTP/1.1\r\n\r\nGET /second HTTP/1.1\r\nConnection: close\r\n\r\n',
    );
    expect(received.match(/<\/\w+>/g)).toEqual(['</first>', '</second>']);
  });
});

describe('limits', () => {
  const bodiesSeen = async () => {
    const seen: HttpRequest[] = [];
    const listener = await listen((request) => {
      seen.push(request);
      return { status: 200, headers: [], body: String(request.body.length) };
    });
    return { seen, port: listener.port };
  };

  test('the largest body, in one piece and in chunks', async () => {
    const { port } = await bodiesSeen();
    const body = Buffer.alloc(BODY_MAX, 'x');
    expect((await ask(port, { method: 'POST', body })).text).toBe(String(BODY_MAX));
    const headers = { 'transfer-encoding': 'chunked' };
    expect((await ask(port, { method: 'POST', body, headers })).text).toBe(String(BODY_MAX));
    expect((await ask(port, { method: 'POST', headers: { 'content-length': '0' } })).text).toBe('0');
  });

  test.each([
    ['just too large', BODY_MAX + 1, {}],
    ['in chunks', BODY_MAX * 3, { 'transfer-encoding': 'chunked' }],
  ])('%s: the client reads its 413 and keeps the connection', async (_name, size, headers) => {
    const { seen, port } = await bodiesSeen();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agents.push(agent);
    const refused = await ask(port, { agent, method: 'POST', body: Buffer.alloc(size), headers });
    expect(refused).toMatchObject({ status: 413, text: '{"refused":413}' });
    expect((await ask(port, { agent })).socket).toBe(refused.socket);
    expect(seen.map((request) => request.method)).toEqual(['GET']);
  });

  test('far too large is refused without being read', async () => {
    const { seen, port } = await bodiesSeen();
    const text = `POST / HTTP/1.1\r\ncontent-length: ${BODY_MAX * 1000}\r\n\r\nbeginning`;
    expect(await raw(port, text)).toMatch(/^HTTP\/1.1 413 .*connection: close.*\{"refused":413\}$/s);
    expect(seen).toEqual([]);
  });

  test.each([false, true])('what is not HTTP gets a body that says so; secure: %s', async (secure) => {
    const { port } = await listen();
    expect(await raw(port, 'nonsense\r\n\r\n', secure)).toMatch(
      /^HTTP\/1.1 400 .*\r\n\r\n\{"refused":400\}$/s,
    );
    expect(await raw(port, 'FROB / HTTP/1.1\r\n\r\n', secure)).toContain('{"refused":400}');
  });

  test('headers of 64 KB pass, 200 KB do not', async () => {
    const { port } = await listen();
    const large = await ask(port, { headers: { 'x-custom': 'y'.repeat(65_536) } });
    expect(JSON.parse(large.text).custom).toHaveLength(65_536);
    const text = `GET / HTTP/1.1\r\nx-custom: ${'y'.repeat(200_000)}\r\n\r\n`;
    expect(await raw(port, text).catch(() => 'cut off')).toMatch(/refused":431|cut off/);
  });

  test('without a refusal of its own the listener says it plainly', async () => {
    const listener = await listenHttp({ host: '127.0.0.1', port: 0, handler: mirror, bodyBytesMax: 10 });
    open.push(listener);
    const answer = await ask(listener.port, { method: 'POST', body: 'more than ten bytes' });
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.text)).toEqual({ code: 'PayloadTooLarge', message: 'Payload Too Large' });
  });

  test('a port that is taken', async () => {
    const { port } = await listen();
    const second = listenHttp({ host: '127.0.0.1', port, handler: mirror, bodyBytesMax: 10 });
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('closing', () => {
  test.each([false, true])('finishes what is under way, then lets go; secure: %s', async (secure) => {
    let finish: () => void = () => undefined;
    const arrived = deferred();
    const listener = await listen(async () => {
      arrived.resolve();
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return { status: 200, headers: [], body: 'done' };
    });
    const agent = new (secure ? TlsAgent : Agent)({ keepAlive: true });
    agents.push(agent);
    const answer = ask(listener.port, { secure, agent });
    await arrived.promise;
    const closed = listener.close();
    expect(
      await Promise.race([closed.then(() => 'closed'), new Promise((done) => setTimeout(done, 30, 'open'))]),
    ).toBe('open');
    finish();
    const { text, headers } = await answer;
    expect([text, headers.connection]).toEqual(['done', 'close']);
    await closed;
    await expect(ask(listener.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a large answer reaches a slow reader whole', async () => {
    const body = Buffer.alloc(20_000_000, 'x');
    const listener = await listen(() => ({ status: 200, headers: [], body }));
    const socket = connect({ port: listener.port, host: '127.0.0.1' });
    socket.write('GET / HTTP/1.1\r\n\r\n');
    let received = 0;
    await new Promise<void>((done) =>
      socket.once('data', (chunk: Buffer) => {
        received += chunk.length;
        socket.pause();
        done();
      }),
    );
    const closed = listener.close();
    const ended = new Promise((done) => socket.on('close', done));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    socket.resume();
    await closed;
    await ended;
    expect(received).toBeGreaterThan(body.length);
  });

  test.each([100, 20_000_000])(
    'a body of %i bytes is let go of when it has left, not before',
    async (length) => {
      const sent = deferred();
      const body = Buffer.alloc(length, 'x');
      const onSent = (): void => {
        body.fill('y'); // whoever reads it after this gets what was not sent
        sent.resolve();
      };
      const listener = await listen(() => ({ status: 200, headers: [], body, onSent }));
      const { text } = await ask(listener.port);
      await sent.promise;
      expect(text).toBe('x'.repeat(length));
    },
  );

  test('kept connections do not hold it up', async () => {
    const listener = await listen();
    const agent = new Agent({ keepAlive: true });
    agents.push(agent);
    await ask(listener.port, { agent });
    await expect.poll(() => Object.keys(agent.freeSockets)).toHaveLength(1);
    const startMs = performance.now();
    await listener.close();
    await listener.close();
    // They would be cut after ten.
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });
});

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
