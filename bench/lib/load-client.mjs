// The client process: takes one job over IPC, drives 32 connections, answers with figures.
import { performance } from 'node:perf_hooks';
import { Connection } from './connection.mjs';
import { cpuSeconds, processTree } from './process-figures.mjs';
import { requestSources } from './requests.mjs';
import { median, percentile } from './statistics.mjs';

const SLICE_MS = 1000;
const SAMPLES_MAX = 2_000_000;

/** Counts answers, and splits the measured time into slices to see what the server spends in each. */
class Meter {
  #pids;
  #latencies = new Float64Array(SAMPLES_MAX);
  #isOn = false;
  #timer;
  #cpuBefore = 0;
  operations = 0;
  failures = {};
  slices = [];

  constructor(serverPid) {
    this.#pids = serverPid === undefined ? [] : processTree(serverPid);
  }

  start() {
    this.#isOn = true;
    this.startedAt = performance.now();
    this.ownCpu = process.cpuUsage();
    let before = { at: this.startedAt, operations: 0, cpu: cpuSeconds(this.#pids) };
    this.#cpuBefore = before.cpu;
    this.#timer = setInterval(() => {
      const now = { at: performance.now(), operations: this.operations, cpu: cpuSeconds(this.#pids) };
      const operations = now.operations - before.operations;
      if (operations > 0) this.slices.push(((now.cpu - before.cpu) * 1e6) / operations);
      before = now;
    }, SLICE_MS);
  }

  note(latencyMs, status) {
    if (status >= 300) this.failures[status] = (this.failures[status] ?? 0) + 1;
    if (!this.#isOn || status >= 300) return;
    this.#latencies[this.operations % SAMPLES_MAX] = latencyMs;
    this.operations++;
  }

  finish() {
    this.#isOn = false;
    clearInterval(this.#timer);
    const seconds = (performance.now() - this.startedAt) / 1000;
    const own = process.cpuUsage(this.ownCpu);
    const cpu = cpuSeconds(this.#pids) - this.#cpuBefore;
    const latencies = this.#latencies.subarray(0, Math.min(this.operations, SAMPLES_MAX));
    return {
      operations: this.operations,
      seconds,
      perSecond: this.operations / seconds,
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
      // Few slow operations make slices too coarse for the kernel's ticks of 10 ms: then the whole time counts.
      cpuUs:
        this.operations / seconds > 500 ? median(this.slices) : (cpu * 1e6) / Math.max(1, this.operations),
      serverCores: cpu / seconds,
      clientCores: (own.user + own.system) / 1e6 / seconds,
      failures: this.failures,
    };
  }
}

/** Each connection sends its next request when the last one is answered; `count` operations or `seconds`. */
async function closedLoop(job, meter) {
  const { sources, taken } = requestSources(job);
  return new Promise((resolve, reject) => {
    let underWay = 0;
    let sent = 0;
    let isOver = false;
    const finish = () => resolve({ taken: taken() });
    const connections = sources.map((next, index) => {
      let sentAt = 0;
      const answered = (status) => {
        meter.note(performance.now() - sentAt, status);
        underWay--;
        step();
      };
      const step = () => {
        if (isOver || (job.count !== undefined && sent >= job.count)) {
          if (underWay === 0) finish();
          return;
        }
        sent++;
        underWay++;
        sentAt = performance.now();
        connections[index].send(next());
      };
      const connection = new Connection(job.port, answered, reject);
      void connection.ready.then(step);
      return connection;
    });
    schedule(job, meter, () => {
      isOver = true;
    });
  });
}

/**
 * Requests arrive at random moments (Poisson) at `rate` per second, whether or not earlier ones are answered.
 * Latency counts from the moment when a request was due, waiting for a free connection included, so a stall is
 * charged to all that came behind it. Arrivals are looked for every millisecond, and are due when found: a
 * client that spins to be more exact fights the server for its cores.
 */
async function openLoop(job, meter) {
  const { sources } = requestSources(job);
  const free = [];
  const due = [];
  const nextGapMs = poisson(job.rate);
  let isOver = false;
  await new Promise((resolve, reject) => {
    const dispatch = () => {
      while (free.length > 0 && due.length > 0) {
        const { connection, state, next } = connections[free.pop()];
        state.dueAt = due.shift();
        connection.send(next());
      }
    };
    const connections = sources.map((next, index) => {
      const state = { dueAt: 0 };
      const answered = (status) => {
        meter.note(performance.now() - state.dueAt, status);
        free.push(index);
        dispatch();
      };
      const connection = new Connection(job.port, answered, reject);
      void connection.ready.then(() => free.push(index));
      return { connection, state, next };
    });
    let nextAt = performance.now() + 100;
    const timer = setInterval(() => {
      const now = performance.now();
      for (; nextAt <= now && !isOver; nextAt += nextGapMs()) due.push(now);
      dispatch();
      if (!isOver || free.length < connections.length) return;
      clearInterval(timer);
      resolve();
    }, 1);
    schedule(job, meter, () => {
      isOver = true;
      due.length = 0;
    });
  });
}

/** Gaps in milliseconds between arrivals, the same ones in every run. */
function poisson(rate) {
  let random = 12345;
  return () => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return (-Math.log((random + 1) / 4294967297) * 1000) / rate;
  };
}

function schedule(job, meter, end) {
  if (job.count !== undefined) {
    meter.start();
    return;
  }
  setTimeout(() => {
    meter.start();
    setTimeout(end, job.seconds * 1000);
  }, job.warmupSeconds * 1000);
}

process.once('message', async (job) => {
  try {
    const meter = new Meter(job.serverPid);
    const more = job.rate === undefined ? await closedLoop(job, meter) : await openLoop(job, meter);
    process.send({ ...meter.finish(), ...more }, () => process.exit(0));
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) }, () => process.exit(1));
  }
});
