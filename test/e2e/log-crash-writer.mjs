// Appends to a file log without end and reports each acknowledgement on a line, until it is killed.
// Usage: node log-crash-writer.mjs DIRECTORY LIFE
import { openFileLog } from '../../dist/log/index.js';
import { createNodeDisk, createNodeRuntime } from '../../dist/runtime/index.js';

const [directory = '', life = ''] = process.argv.slice(2);
const PARTITIONS = 8;

const log = await openFileLog({
  disk: createNodeDisk(),
  directory,
  runtime: createNodeRuntime(),
  segmentBytes: 1 << 20,
});
process.stdout.write('open\n');

async function write(partition) {
  let tail = log.tail(partition);
  for (let round = 0; ; round++) {
    const count = 1 + (round % 3);
    const entries = Array.from({ length: count }, (_, index) => {
      const lsn = tail + index + 1;
      return Buffer.from(`${partition}:${lsn}:${life}:`.padEnd(40 + ((lsn * 37) % 900), '.'));
    });
    tail = await log.append(partition, tail, entries);
    process.stdout.write(`${partition} ${tail}\n`);
    if (round % 400 === 399) await log.trim(partition, tail - 200);
  }
}

await Promise.all(Array.from({ length: PARTITIONS }, (_, index) => write(index + 1)));
