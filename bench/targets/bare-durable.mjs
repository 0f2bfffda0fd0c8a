// The limit for durable writes: node:http and a group commit, with no database between them. POST appends its
// body to a file and answers 1 KB when that is synced, together with all that came meanwhile.
import { constants, openSync, write, writeSync } from 'node:fs';
import { createServer } from 'node:http';

const FILE_BYTES = 64 << 20;

const [, , port, path] = process.argv;
const answer = JSON.stringify({ id: 'bare', filler: 'x'.repeat(1000) });
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) };

// Filled beforehand and written with O_DSYNC, as a log segment is.
const filling = openSync(path, 'w');
for (let at = 0; at < FILE_BYTES; at += 1 << 20) writeSync(filling, Buffer.alloc(1 << 20), 0, 1 << 20, at);
const file = openSync(path, constants.O_WRONLY | constants.O_DSYNC);

let waiting = [];
let isWriting = false;
let position = 0;

function writeGroup() {
  const group = waiting;
  waiting = [];
  isWriting = group.length > 0;
  if (!isWriting) return;
  const bytes = Buffer.concat(group.map(({ body }) => body));
  if (position + bytes.length > FILE_BYTES) position = 0;
  write(file, bytes, 0, bytes.length, position, (error) => {
    for (const { response } of group) response.writeHead(error ? 500 : 201, headers).end(answer);
    setImmediate(writeGroup);
  });
  position += bytes.length;
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    waiting.push({ body: Buffer.concat(chunks), response });
    if (isWriting) return;
    isWriting = true;
    setImmediate(writeGroup);
  });
});
// A connection that waits longer than node's five seconds for its turn must not be closed under the client.
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
