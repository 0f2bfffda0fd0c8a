import { createHmac } from 'node:crypto';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** The emulator's well-known key, which is our default. */
const KEY = 'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; an empty object for none. */
  readonly json: Record<string, unknown>;
}

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly key?: string;
}

/** Signed requests to one endpoint: as little client as can be, without retries. */
export class SqlClient {
  readonly #endpoint: URL;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(endpoint: string) {
    this.#endpoint = new URL(endpoint);
  }

  ask(method: string, path: string, asked: Asked = {}): Promise<Answer> {
    const parts = path.split('/').filter((part) => part !== '');
    const isFeed = parts.length % 2 === 1;
    const type = parts.at(isFeed ? -1 : -2) ?? '';
    const link = decodeURIComponent((isFeed ? parts.slice(0, -1) : parts).join('/'));
    const date = new Date().toUTCString();
    const payload = `${method.toLowerCase()}\n${type}\n${link}\n${date.toLowerCase()}\n\n`;
    const secret = Buffer.from(asked.key ?? KEY, 'base64');
    const signature = createHmac('sha256', secret).update(payload).digest('base64');
    const authorization = encodeURIComponent(`type=master&ver=1.0&sig=${signature}`);
    return this.#send(method, path, { authorization, 'x-ms-date': date, ...asked.headers }, asked);
  }

  #send(method: string, path: string, headers: Record<string, string>, asked: Asked): Promise<Answer> {
    const { body } = asked;
    const { hostname, port } = this.#endpoint;
    return new Promise((resolve, reject) => {
      const sent = request({ method, path, hostname, port, agent: this.#agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const json = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
      });
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Database and container, made where they are missing. */
  async makeContainer(database: string, container: string, throughput?: number): Promise<void> {
    const headers = throughput === undefined ? {} : { 'x-ms-offer-throughput': String(throughput) };
    const partitionKey = { paths: ['/pk'], kind: 'Hash', version: 2 };
    const answers = [
      await this.ask('POST', '/dbs', { body: { id: database } }),
      await this.ask('POST', `/dbs/${database}/colls`, { headers, body: { id: container, partitionKey } }),
    ];
    for (const { status, text } of answers) {
      if (status !== 201 && status !== 409) throw new Error(`making a container answered ${status}: ${text}`);
    }
  }

  /** Creates an item whose partition key is its id. */
  create(documents: string, id: string, more: Record<string, unknown> = {}): Promise<Answer> {
    return this.ask('POST', documents, { headers: keyHeader(id), body: { id, pk: id, ...more } });
  }

  read(documents: string, id: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask('GET', `${documents}/${id}`, { headers: { ...keyHeader(id), ...headers } });
  }

  close(): void {
    this.#agent.destroy();
  }
}

export function keyHeader(value: unknown): { readonly 'x-ms-documentdb-partitionkey': string } {
  return { 'x-ms-documentdb-partitionkey': JSON.stringify([value]) };
}
