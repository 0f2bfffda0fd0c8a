// The limit: what node:http costs with no database behind it. GET answers 1 KB; POST reads a body and answers 1 KB.
import { createServer } from 'node:http';

const answer = JSON.stringify({ id: 'bare', filler: 'x'.repeat(1000) });
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) };

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, headers).end(answer);
    return;
  }
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    response.writeHead(body.length > 0 ? 201 : 400, headers).end(answer);
  });
});
// A connection that waits longer than node's five seconds for its turn must not be closed under the client.
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
