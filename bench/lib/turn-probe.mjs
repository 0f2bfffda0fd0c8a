// Loaded into a server before its own code: on `begin` it asks for one turn of the event loop after the other,
// on `end` it tells how long the longest took to come. A turn counts by the clock or by the processor time of
// the process, whichever is less: neither other work of the machine nor other threads make it longer.
let longestMs = 0;
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
    longestMs = Math.max(longestMs, Math.min(clockMs - last.clockMs, cpuMs - last.cpuMs));
    if (isRunning) ask();
  });
}

process.on('message', (message) => {
  if (message === 'begin') {
    longestMs = 0;
    isRunning = true;
    ask();
    process.send({});
  } else if (message === 'end') {
    isRunning = false;
    process.send({ longestMs });
  }
});
// Nobody reads what a bench that was broken off has begun.
process.on('disconnect', () => {
  isRunning = false;
});
// The server ends by itself, whoever still holds the other end.
process.channel?.unref();
