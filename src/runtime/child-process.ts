import { type ChildProcess, spawn } from 'node:child_process';

/** A process that runs one of our own entry points. */
export interface Child {
  readonly pid: number;
  /** SIGKILL ends it at once, SIGSTOP and SIGCONT freeze and thaw it, SIGTERM asks it to stop. */
  signal(name: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void;
  /** Resolves when the process is gone. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/**
 * Starts Node.js on `entry` with `args`, with the flags that this process has, but for a debugger's port.
 * What it prints appears among our own output; it must end itself when the given `input` line's sender is
 * gone: its standard input closes with this process.
 */
export function startChild(entry: string, args: readonly string[], input: string): Child {
  const flags = process.execArgv.filter((flag) => !flag.startsWith('--inspect'));
  const child: ChildProcess = spawn(process.execPath, [...flags, entry, ...args], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin?.write(`${input}\n`);
  // A child that dies early must not take us with it through a broken pipe.
  child.stdin?.on('error', () => undefined);
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return { pid: child.pid ?? 0, signal: (name) => void child.kill(name), exited };
}

/** The first line that the process which started us wrote to our standard input. */
export function readFirstInputLine(): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    process.stdin.setEncoding('utf8');
    process.stdin.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
    });
  });
}

/** Calls `listener` once the process that started us is gone. */
export function onParentGone(listener: () => void): void {
  process.stdin.once('end', listener);
  process.stdin.once('close', listener);
}
