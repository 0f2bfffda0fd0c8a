import { parentPort, Worker } from 'node:worker_threads';
import { assert } from '../base/index.ts';

/** A thread of its own that runs one of our own entry points, for work that would hold up the event loop. */
export interface Thread {
  /** Structured clone: plain data arrives as it was. */
  post(message: unknown): void;
  /** Ends it at once, in the middle of whatever it does. */
  end(): void;
}

export interface ThreadListeners {
  readonly onMessage: (message: unknown) => void;
  /** It is gone: ended, crashed or out of memory. Called once. */
  readonly onGone: () => void;
}

/** Starts one more thread of some kind. */
export type StartThread = (listeners: ThreadListeners) => Thread;

/** Megabytes of JavaScript heap that one thread may use; what WebAssembly holds comes on top. */
const HEAP_MB = 64;

/**
 * Starts threads on the module at `entry`. They hold no process: one that is waiting for a message ends with
 * it. A thread has the environment, arguments and options of none.
 */
export function threadStarter(entry: URL): StartThread {
  return ({ onMessage, onGone }) => {
    const worker = new Worker(entry, {
      env: {},
      argv: [],
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    worker.unref();
    worker.on('message', onMessage);
    // Whatever it died of, its exit follows.
    worker.on('error', () => undefined);
    worker.once('exit', onGone);
    return {
      post: (message) => worker.postMessage(message),
      end: () => void worker.terminate(),
    };
  };
}

/** Inside a thread: hears what its starter posts; the returned function posts back. */
export function listenToStarter(listener: (message: unknown) => void): (message: unknown) => void {
  assert(parentPort !== null, 'the entry point of a thread runs in a thread');
  const port = parentPort;
  port.on('message', listener);
  return (message) => port.postMessage(message);
}
