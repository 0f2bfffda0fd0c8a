import { createHash } from 'node:crypto';
import { constants, promises as fs } from 'node:fs';
import { createServer } from 'node:net';

/**
 * An exclusive lock that the kernel gives back when its holder dies, however it dies. Node offers no flock,
 * so each platform uses what else its kernel takes away from a dead process:
 *
 * - Linux: a socket bound to a name in the abstract namespace, made from device and inode of the lock file.
 *   Binding is atomic and also refuses the same process; nothing is left behind, so there is no stale lock
 *   to judge and to take over. A file with the holder's pid in it was refused: between finding the holder
 *   dead and taking its place another process can do the same, pids are used again, and in two containers
 *   both holders are pid 1.
 * - Windows: a named pipe, which behaves alike.
 * - macOS and the BSDs: O_EXLOCK, which opens and locks in one step.
 *
 * The lock file stays for ever, since its inode is the name. Limits: processes in different network
 * namespaces of Linux, or on different machines that share a folder, do not see each other.
 */
export async function lockFile(path: string): Promise<(() => Promise<void>) | undefined> {
  if (process.platform === 'linux' || process.platform === 'win32') return lockByName(path);
  return lockByOpen(path);
}

/** Numbers of <fcntl.h> on macOS and the BSDs, which node:fs does not name. */
const O_NONBLOCK = 0x4;
const O_EXLOCK = 0x20;

async function lockByOpen(path: string): Promise<(() => Promise<void>) | undefined> {
  try {
    const flags = constants.O_RDWR | constants.O_CREAT | O_EXLOCK | O_NONBLOCK;
    const handle = await fs.open(path, flags);
    return () => handle.close();
  } catch (error) {
    if (isCode(error, 'EAGAIN')) return undefined;
    throw error;
  }
}

async function lockByName(file: string): Promise<(() => Promise<void>) | undefined> {
  const handle = await fs.open(file, 'a');
  const { dev, ino } = await handle.stat({ bigint: true }).finally(() => handle.close());
  const name = `orrery-lock-${createHash('sha256').update(`${dev}:${ino}`).digest('hex')}`;
  const server = createServer((socket) => socket.destroy());
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const path = process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : abstractName(name);
      // Not exclusive, it would be shared among the workers of a cluster.
      server.listen({ path, exclusive: true }, resolve);
    });
  } catch (error) {
    if (isCode(error, 'EADDRINUSE')) return undefined;
    throw error;
  }
  // A failed accept (too many open files, say) must not end the process; the name stays bound.
  server.removeAllListeners('error').on('error', () => undefined);
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}

/**
 * Exactly as long as a socket address can be: some versions of Node fill shorter abstract names up with
 * zero bytes and others do not, so only full ones mean the same to both.
 */
function abstractName(name: string): string {
  return `\0${name}`.padEnd(108, '-');
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
