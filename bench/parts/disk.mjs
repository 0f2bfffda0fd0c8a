// What the disk alone allows: one file, written and synced as a group commit of 32 waiters would do it.
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { percentile } from '../lib/statistics.mjs';

const WAITERS = 32;
const ENTRY_BYTES = 1024;
const FILE_BYTES = 64 * 1024 * 1024;

export async function measureDisk({ seconds }) {
  const folder = await mkdtemp(join(tmpdir(), 'orrery-bench-disk-'));
  const file = await open(join(folder, 'log'), 'w');
  // Preallocated, as a log segment is: a growing file pays for its size at every sync.
  for (let at = 0; at < FILE_BYTES; at += 1 << 20) await file.write(Buffer.alloc(1 << 20), 0, 1 << 20, at);
  await file.sync();
  const single = await syncLoop(file, ENTRY_BYTES, seconds);
  const group = await syncLoop(file, WAITERS * ENTRY_BYTES, seconds);
  await file.close();
  await rm(folder, { recursive: true });
  return {
    syncP50Ms: percentile(single, 0.5),
    syncP99Ms: percentile(single, 0.99),
    ceilingPerSecond: (group.length * WAITERS) / seconds,
  };
}

/** Milliseconds of each write with its fdatasync, for `seconds`. */
async function syncLoop(file, bytes, seconds) {
  const block = Buffer.alloc(bytes, 'x');
  const times = [];
  const endAt = performance.now() + seconds * 1000;
  for (let at = 0; performance.now() < endAt; at = (at + bytes) % (FILE_BYTES - bytes)) {
    const startedAt = performance.now();
    await file.write(block, 0, bytes, at);
    await file.datasync();
    times.push(performance.now() - startedAt);
  }
  return times;
}
