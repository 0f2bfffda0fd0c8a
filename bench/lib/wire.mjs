// Signed requests: whole buffers for the load client, and single calls for setting things up.
import { createHmac } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';

const KEY = Buffer.from(
  'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==',
  'base64',
);

/** Headers that every data request of the official client carries. */
function commonHeaders(date) {
  return {
    'x-ms-date': date,
    'x-ms-version': '2020-07-15',
    'x-ms-documentdb-query-enablecrosspartition': 'true',
    'x-ms-cosmos-allow-tentative-writes': 'true',
    accept: 'application/json',
  };
}

function sign(verb, type, link, date) {
  const text = `${verb.toLowerCase()}\n${type}\n${link}\n${date.toLowerCase()}\n\n`;
  const signature = createHmac('sha256', KEY).update(text).digest('base64');
  return encodeURIComponent(`type=master&ver=1.0&sig=${signature}`);
}

export function signedHeaders({ method, type, link, headers = {} }) {
  const date = new Date().toUTCString();
  return { ...commonHeaders(date), authorization: sign(method, type, link, date), ...headers };
}

/** The bytes of one request, ready to be written to a socket again and again. */
export function requestBytes({ method, target, type, link, headers, body = '' }) {
  const all = { host: 'localhost', ...signedHeaders({ method, type, link, headers }) };
  if (method !== 'GET') all['content-length'] = Buffer.byteLength(body);
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${head.join('')}\r\n${body}`);
}

const agent = new Agent({ keepAlive: true });

/** One call; rejects on statuses from 400 on. Gives the parsed body. */
export async function call(port, request) {
  const { body } = await callWhole(port, request);
  return body;
}

/** The same with the headers of the answer. */
export function callWhole(port, { method, target, type, link, headers, body }) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const all = signedHeaders({ method, type, link, headers });
  if (text !== undefined) all['content-length'] = Buffer.byteLength(text);
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { agent, host: '127.0.0.1', port, method, path: target, headers: all },
      (incoming) => {
        const chunks = [];
        incoming.on('data', (chunk) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const answer = Buffer.concat(chunks).toString();
          if (incoming.statusCode >= 400)
            reject(new Error(`${method} ${target}: ${incoming.statusCode} ${answer}`));
          else resolve({ body: answer === '' ? undefined : JSON.parse(answer), headers: incoming.headers });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

/** The highest throughput that one physical partition may be given, so that no budget bounds a measurement. */
const THROUGHPUT = '10000';

export async function makeContainer(port, id, policies = {}) {
  const [type, headers] = [
    'colls',
    { 'content-type': 'application/json', 'x-ms-offer-throughput': THROUGHPUT },
  ];
  const body = { id, partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 }, ...policies };
  await call(port, { method: 'POST', target: '/dbs/bench/colls', type, link: 'dbs/bench', headers, body });
  return `dbs/bench/colls/${id}`;
}

export async function makeDatabase(port) {
  const headers = { 'content-type': 'application/json' };
  await call(port, { method: 'POST', target: '/dbs', type: 'dbs', link: '', headers, body: { id: 'bench' } });
}
