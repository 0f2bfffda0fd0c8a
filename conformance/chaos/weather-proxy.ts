import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** What becomes of the bytes between a client and a region. */
export interface Weather {
  /** Each way. */
  readonly delayMs: number;
  /** For each chunk of bytes: that the connection breaks there and then, from 0 to 1. */
  readonly breakProbability: number;
  /** Nothing gets through until the weather changes. */
  readonly isStalled: boolean;
}

export const CALM: Weather = { delayMs: 0, breakProbability: 0, isStalled: false };

/** A loopback proxy in front of one region, on a port of its own that stays when the region moves. */
export class WeatherProxy {
  weather: Weather = CALM;
  /** How many connections broke. */
  broken = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: URL;

  private constructor(server: Server, target: URL) {
    this.#server = server;
    this.#target = target;
  }

  static async open(target: string): Promise<WeatherProxy> {
    const server = createServer();
    const proxy = new WeatherProxy(server, new URL(target));
    server.on('connection', (client) => proxy.#join(client));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return `http://127.0.0.1:${address.port}/`;
  }

  /** Where the region listens from now on. */
  set target(target: string) {
    this.#target = new URL(target);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket): void {
    const region = dial({ host: this.#target.hostname, port: Number(this.#target.port) });
    const end = () => {
      client.destroy();
      region.destroy();
    };
    for (const [from, to] of [
      [client, region],
      [region, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', end);
      from.on('close', () => {
        this.#sockets.delete(from);
        end();
      });
      from.on('data', (bytes) => this.#pass(bytes, to, end));
    }
  }

  #pass(bytes: Buffer, to: Socket, end: () => void): void {
    const { delayMs, breakProbability, isStalled } = this.weather;
    if (Math.random() < breakProbability) {
      this.broken += 1;
      end();
    } else if (isStalled) {
      // In order behind what is stalled already: each looks again after the same time.
      setTimeout(() => this.#pass(bytes, to, end), 50);
    } else if (delayMs > 0) setTimeout(() => to.write(bytes), delayMs);
    else to.write(bytes);
  }
}
