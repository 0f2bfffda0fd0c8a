import { connect, createServer, type Server, type Socket } from 'node:net';
import { assert } from '../base/index.ts';
import type { Channel, Network } from './network.ts';

/** Longest frame that is sent or accepted, in bytes. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024;
const HEADER_BYTES = 4;
const CONNECT_TIMEOUT_MS = 3_000;

/**
 * Frames over TCP: each is its length (4 bytes, big-endian) and its bytes. Nagle's delay is off, since
 * senders batch by themselves. Addresses are `host:port`, IPv6 hosts in brackets.
 */
export function createTcpNetwork(): Network {
  return {
    connect(address) {
      return new Promise((resolve, reject) => {
        const socket = connect({ ...parseAddress(address), noDelay: true });
        const fail = (error: Error): void => {
          socket.destroy();
          reject(error);
        };
        socket.setTimeout(CONNECT_TIMEOUT_MS, () => fail(new TcpNetworkError(`no answer from ${address}`)));
        socket.once('error', fail);
        socket.once('connect', () => {
          socket.setTimeout(0);
          socket.removeAllListeners('timeout');
          socket.off('error', fail);
          resolve(new TcpChannel(socket));
        });
      });
    },
    listen(address, accept) {
      return new Promise((resolve, reject) => {
        const { host, port } = parseAddress(address);
        const sockets = new Set<Socket>();
        const server = createServer({ noDelay: true }, (socket) => {
          sockets.add(socket);
          socket.once('close', () => sockets.delete(socket));
          accept(new TcpChannel(socket));
        });
        server.once('error', reject);
        server.listen({ host, port }, () => {
          server.off('error', reject);
          // A failing accept (no file descriptor left) costs that connection; whoever called tries again.
          server.on('error', () => undefined);
          resolve({ address: formatAddress(server, host), close: () => closeServer(server, sockets) });
        });
      });
    },
  };
}

class TcpNetworkError extends Error {
  override name = 'TcpNetworkError';
}

function parseAddress(address: string): { host: string; port: number } {
  const [, host = '', digits = ''] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
  const port = Number(digits);
  if (host === '' || port > 65_535) throw new TcpNetworkError(`'${address}' is not of the form host:port`);
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}

function formatAddress(server: Server, host: string): string {
  const bound = server.address();
  assert(bound !== null && typeof bound === 'object', 'a TCP server is bound to an address');
  return host.includes(':') ? `[${host}]:${bound.port}` : `${host}:${bound.port}`;
}

function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

class TcpChannel implements Channel {
  readonly #socket: Socket;
  readonly #frames = new FrameReader();
  #isClosed = false;
  #onFrame: ((frame: Buffer) => void) | undefined;
  #onClose: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    // 'close' follows every error and is where we act.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#closed());
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  send(frame: Uint8Array): void {
    assert(frame.length <= FRAME_BYTES_MAX, 'frames are at most 64 MiB');
    if (this.#isClosed || this.#socket.destroyed) return;
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    header.writeUInt32BE(frame.length);
    this.#socket.cork();
    this.#socket.write(header);
    this.#socket.write(frame);
    this.#socket.uncork();
  }

  onFrame(handler: (frame: Buffer) => void): void {
    assert(this.#onFrame === undefined, 'a channel has one owner');
    this.#onFrame = handler;
    // Without a listener the socket does not flow, so whatever came earlier waits in it.
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk, handler));
  }

  onClose(handler: () => void): void {
    assert(this.#onClose === undefined, 'a channel has one owner');
    this.#onClose = handler;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Finishes what was sent, then closes; a peer that does not read must not keep the socket for ever.
    this.#socket.end();
    this.#socket.setTimeout(CONNECT_TIMEOUT_MS, () => this.#socket.destroy());
    this.#socket.resume();
  }

  #receive(chunk: Buffer, handler: (frame: Buffer) => void): void {
    if (this.#isClosed) return;
    this.#frames.push(chunk);
    for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next()) {
      handler(frame);
      if (this.#isClosed) return;
    }
    if (this.#frames.isTooLong) this.#socket.destroy();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose?.();
  }
}

/** Cuts a stream of bytes into frames. Holds no more than was really received, whatever a header claims. */
class FrameReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Length of the frame under way; undefined while its header is incomplete. */
  #length: number | undefined;

  /** Whether the frame under way may not be accepted: there is no way on from here. */
  get isTooLong(): boolean {
    return this.#length !== undefined && this.#length > FRAME_BYTES_MAX;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The next whole frame: a view when it came in one chunk. */
  next(): Buffer | undefined {
    if (this.#length === undefined) {
      if (this.#bytes < HEADER_BYTES) return undefined;
      this.#length = this.#take(HEADER_BYTES).readUInt32BE();
    }
    if (this.isTooLong || this.#bytes < this.#length) return undefined;
    const frame = this.#take(this.#length);
    this.#length = undefined;
    return frame;
  }

  #take(length: number): Buffer {
    this.#bytes -= length;
    const first = this.#chunks[0];
    if (first !== undefined && first.length > length) {
      this.#chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    const parts: Buffer[] = [];
    let missing = length;
    let used = 0;
    while (missing > 0) {
      const chunk = this.#chunks[used];
      assert(chunk !== undefined, 'as many bytes are there as were counted');
      if (chunk.length > missing) {
        parts.push(chunk.subarray(0, missing));
        this.#chunks[used] = chunk.subarray(missing);
        missing = 0;
      } else {
        parts.push(chunk);
        missing -= chunk.length;
        used++;
      }
    }
    this.#chunks.splice(0, used);
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, length);
  }
}
