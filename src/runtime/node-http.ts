import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { HttpListener, HttpListenOptions, HttpRefusal, HttpRequest, HttpResponse } from './http.ts';

/**
 * HTTP and HTTPS on one TCP port, over node:http.
 *
 * The listening http.Server keeps its own connection handling; it is only called a little later, when the
 * first byte of a connection has told whether a TLS handshake comes. After that first byte a plain
 * connection is exactly node:http's: its parser reads from the handle without JavaScript in between.
 */

const TLS_HANDSHAKE = 0x16;
const HEADER_BYTES_MAX = 128 * 1024;
/** SDKs pool their connections and take a close under their feet for a failure of the region. */
const KEEP_ALIVE_MS = 600_000;
const FIRST_BYTE_MS = 60_000;
/** How long `close` waits for clients that do not read their answers. */
const GRACE_MS = 10_000;
/** Bodies up to so many times the limit are read and dropped, so that the client lives to see the 413. */
const DRAIN_FACTOR = 8;
/** Answers above this size may still be on their way out when `end` returns. */
const FLUSH_BYTES = 65_536;
/** Up to here, one string of header and body is cheaper to write than two buffers. */
const ONE_STRING_BYTES = 8_192;
const NO_BODY = Buffer.alloc(0);

/** Rejects with the platform's error when the address cannot be bound (`code` EADDRINUSE, EACCES …). */
export function listenHttp(options: HttpListenOptions): Promise<HttpListener> {
  return new NodeHttpListener(options).listen();
}

class NodeHttpListener {
  readonly #options: HttpListenOptions;
  readonly #server: Server;
  readonly #tls: TlsServer | undefined;
  readonly #accept: (socket: Socket) => void;
  /** Connections that node:http does not know yet: before their first byte, or shaking hands. By peer. */
  readonly #greeting = new Map<string, Socket>();
  readonly #flushing = new Set<ServerResponse>();
  #closing: Promise<void> | undefined;

  constructor(options: HttpListenOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: HEADER_BYTES_MAX,
        keepAliveTimeout: KEEP_ALIVE_MS,
        // A missing Host would be answered by node itself, without a body.
        requireHostHeader: false,
        noDelay: true,
      },
      (request, response) => this.#receive(request, response),
    );
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
      this.#refuseSocket(error, socket as Socket),
    );
    const [accept] = this.#server.listeners('connection');
    this.#accept = (socket) => accept?.call(this.#server, socket);
    if (options.tls === undefined) return;
    this.#tls = createTlsServer({ ...options.tls, ALPNProtocols: ['http/1.1'] }, (socket) => {
      this.#greeting.delete(peerOf(socket));
      this.#accept(socket);
    });
    this.#tls.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#server.removeAllListeners('connection');
    this.#server.on('connection', (socket: Socket) => this.#greet(socket));
  }

  listen(): Promise<HttpListener> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off('error', reject);
        const { port } = this.#server.address() as AddressInfo;
        resolve({ port, close: () => this.close() });
      });
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await undefined; // lets `#closing` be set first: from here on every answer ends its connection
    for (const socket of this.#greeting.values()) socket.destroy();
    const cut = setTimeout(() => this.#server.closeAllConnections(), GRACE_MS);
    await Promise.all(
      [...this.#flushing].map((response) => new Promise((done) => response.once('close', done))),
    );
    await new Promise<void>((done) => this.#server.close(() => done()));
    clearTimeout(cut);
  }

  /** Waits for the first byte of a connection and hands the connection on. */
  #greet(socket: Socket): void {
    if (this.#closing !== undefined) {
      socket.destroy();
      return;
    }
    const peer = peerOf(socket);
    const give = () => socket.destroy();
    const forget = () => this.#greeting.delete(peer);
    this.#greeting.set(peer, socket);
    socket.on('error', give);
    // A server's sockets stay half open after the other side's end: one that says nothing at all would
    // linger.
    socket.once('end', give);
    socket.once('close', forget);
    socket.setTimeout(FIRST_BYTE_MS, give);
    socket.once('data', (chunk: Buffer) => {
      socket.setTimeout(0, give);
      socket.off('error', give);
      socket.off('end', give);
      socket.pause();
      socket.unshift(chunk);
      if (chunk[0] === TLS_HANDSHAKE) {
        this.#tls?.emit('connection', socket);
      } else {
        forget();
        socket.off('close', forget);
        this.#accept(socket);
        socket.resume();
      }
    });
  }

  #receive(message: IncomingMessage, response: ServerResponse): void {
    const length = message.headers['content-length'];
    if (length === undefined ? message.headers['transfer-encoding'] === undefined : length === '0') {
      this.#handle(message, response, NO_BODY);
      return;
    }
    const expected = length === undefined ? undefined : Number(length);
    if (expected !== undefined && expected > this.#options.bodyBytesMax * DRAIN_FACTOR) {
      this.#send(response, this.#refusal(413), true);
      return;
    }
    this.#collect(message, response, expected);
  }

  #collect(message: IncomingMessage, response: ServerResponse, expected: number | undefined): void {
    const max = this.#options.bodyBytesMax;
    let chunks: Buffer[] = [];
    let bytes = 0;
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= max && (expected ?? 0) <= max) {
        chunks.push(chunk);
      } else {
        chunks = [];
        if (bytes <= max * DRAIN_FACTOR || response.headersSent) return;
        this.#send(response, this.#refusal(413), true);
      }
    });
    message.on('end', () => {
      if (response.headersSent) return;
      if (bytes > max) this.#send(response, this.#refusal(413), false);
      else
        this.#handle(
          message,
          response,
          chunks.length === 1 ? (chunks[0] ?? NO_BODY) : Buffer.concat(chunks, bytes),
        );
    });
  }

  #handle(message: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const request: HttpRequest = {
      method: message.method ?? 'GET',
      target: message.url ?? '/',
      headers: message.headers,
      body,
      secure: (message.socket as { encrypted?: boolean }).encrypted === true,
    };
    const answer = this.#options.handler(request);
    // A rejection breaks the handler's contract, so it is left to end the process.
    if (answer instanceof Promise) void answer.then((later) => this.#send(response, later, false));
    else this.#send(response, answer, false);
  }

  #send(response: ServerResponse, answer: HttpResponse, last: boolean): void {
    const { status, body } = answer;
    const ends = last || this.#closing !== undefined;
    if (status === 204 || status === 304) {
      response.writeHead(
        status,
        ends ? [...answer.headers, 'connection', 'close'] : (answer.headers as string[]),
      );
      response.end();
      return;
    }
    const length = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const headers = answer.headers.concat('content-length', String(length));
    if (ends) headers.push('connection', 'close');
    response.writeHead(status, headers);
    if (length > FLUSH_BYTES) {
      this.#flushing.add(response);
      response.once('close', () => this.#flushing.delete(response));
    }
    if (body === undefined) response.end();
    else if (typeof body === 'string') response.end(body);
    else if (length > ONE_STRING_BYTES) {
      response.end(body, answer.onSent);
    } else {
      response.end(bufferOf(body).toString('latin1', 0, length), 'latin1');
      answer.onSent?.();
    }
  }

  #refusal(status: HttpRefusal): HttpResponse {
    return this.#options.refuse?.(status) ?? plainRefusal(status);
  }

  /** Answers on a connection whose bytes node:http could not read as a request. */
  #refuseSocket(error: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const { status, headers, body } = this.#refusal(REFUSALS[error.code ?? ''] ?? 400);
    const content = Buffer.from(body ?? '');
    let head = `HTTP/1.1 ${status} ${PHRASES[status] ?? 'Error'}\r\n`;
    for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    socket.end(
      Buffer.concat([
        Buffer.from(`${head}content-length: ${content.length}\r\nconnection: close\r\n\r\n`, 'latin1'),
        content,
      ]),
    );
  }
}

const REFUSALS: Readonly<Record<string, HttpRefusal>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

const PHRASES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Payload Too Large',
  431: 'Request Header Fields Too Large',
};

function plainRefusal(status: HttpRefusal): HttpResponse {
  const phrase = PHRASES[status] ?? 'Error';
  const body = JSON.stringify({ code: phrase.replaceAll(' ', ''), message: phrase });
  return { status, headers: ['content-type', 'application/json'], body };
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress}|${socket.remotePort}`;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
