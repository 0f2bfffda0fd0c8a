// Loaded into a server before its own code: on `begin` it asks for one turn of the event loop after the other,
// on `end` it tells how long the longest took to come. A turn counts by the clock or by the processor time of
// the process, whichever is less: neither other work of the machine nor other threads make it longer. Of that
// turn it also tells how much collections of garbage took.
import { PerformanceObserver } from 'node:perf_hooks';

/** The longest turns so far, each with its beginning and end by the clock; the rest does not matter. */
let turns = [];
let collections = [];
let isRunning = false;
let last = now();

function now() {
  const { user, system } = process.cpuUsage();
  return { clockMs: performance.now(), cpuMs: (user + system) / 1_000 };
}

function ask() {
  last = now();
  setImmediate(() => {
    const { clockMs, cpuMs } = now();
    const ms = Math.min(clockMs - last.clockMs, cpuMs - last.cpuMs);
    if (ms > (turns.at(-1)?.ms ?? 0)) turns.push({ ms, from: last.clockMs, until: clockMs });
    if (isRunning) ask();
  });
}

function longestTurn() {
  const { ms, from, until } = turns.at(-1) ?? { ms: 0, from: 0, until: 0 };
  const within = collections.filter(({ startTime }) => startTime >= from && startTime < until);
  return { longestMs: ms, collectionsMs: within.reduce((sum, { duration }) => sum + duration, 0) };
}

const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));

process.on('message', (message) => {
  if (message === 'begin') {
    turns = [];
    collections = [];
    observer.observe({ entryTypes: ['gc'] });
    isRunning = true;
    ask();
    process.send({});
  } else if (message === 'end') {
    isRunning = false;
    collections.push(...observer.takeRecords());
    observer.disconnect();
    process.send(longestTurn());
  }
});
// Nobody reads what a bench that was broken off has begun.
process.on('disconnect', () => {
  isRunning = false;
});
// The server ends by itself, whoever still holds the other end.
process.channel?.unref();
