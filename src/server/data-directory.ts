import { assert } from '../base/index.ts';
import type { Disk } from '../runtime/index.ts';

/**
 * Where durable state lies:
 *
 *   format              version of this layout
 *   lock                held by the process that uses the directory
 *   tls/                the development certificate authority, its key and the server's certificate
 *   account/            log of the embedded directory
 *   regions/<name>/log    the region's partition logs
 *   regions/<name>/store  the region's views; may be deleted at any time
 */
export class DataDirectory {
  readonly path: string;
  readonly #disk: Disk;
  readonly #unlock: () => Promise<void>;

  private constructor(path: string, disk: Disk, unlock: () => Promise<void>) {
    this.path = path;
    this.#disk = disk;
    this.#unlock = unlock;
  }

  /** @throws DataDirectoryError when another process uses it, or a newer version wrote it. */
  static async open(disk: Disk, path: string): Promise<DataDirectory> {
    await disk.makeDirectory(path);
    const unlock = await disk.lock(`${path}/lock`);
    if (unlock === undefined) {
      throw new DataDirectoryError(`the data directory ${path} is in use by another process`);
    }
    try {
      await checkFormat(disk, path);
    } catch (error) {
      await unlock();
      throw error;
    }
    return new DataDirectory(path, disk, unlock);
  }

  get account(): string {
    return `${this.path}/account`;
  }

  get tls(): string {
    return `${this.path}/tls`;
  }

  region(name: string): { readonly root: string; readonly log: string; readonly store: string } {
    const root = `${this.path}/regions/${slug(name)}`;
    return { root, log: `${root}/log`, store: `${root}/store` };
  }

  async close(): Promise<void> {
    await this.#unlock();
  }

  /** Releases the directory and deletes it: for state that was ephemeral from the start. */
  async destroy(): Promise<void> {
    await this.#unlock();
    await this.#disk.removeTree(this.path);
  }
}

/** The data directory cannot be used; the message is for the person who started the server. */
export class DataDirectoryError extends Error {
  override name = 'DataDirectoryError';
}

const FORMAT = 1;

async function checkFormat(disk: Disk, path: string): Promise<void> {
  const names = await disk.list(path);
  if (!names.includes('format')) {
    // Whole or not at all: nobody could start over half a one.
    await disk.remove(`${path}/format.new`);
    const file = await disk.open(`${path}/format.new`, 'create');
    await file.write(0, [Buffer.from(`${FORMAT}\n`)]);
    await file.sync();
    await file.close();
    await disk.rename(`${path}/format.new`, `${path}/format`);
    await disk.syncDirectory(path);
    return;
  }
  const file = await disk.open(`${path}/format`, 'read');
  const text = (await file.read(0, 64)).toString('utf8').trim();
  await file.close();
  const format = Number(text);
  if (!Number.isSafeInteger(format) || format < 1) {
    throw new DataDirectoryError(`the data directory ${path} has an unreadable format file ('${text}')`);
  }
  if (format > FORMAT) {
    throw new DataDirectoryError(
      `the data directory ${path} has format ${format}, but this version knows formats up to ${FORMAT}`,
    );
  }
}

/** A file name for a region name: readable, and different for different names. */
function slug(name: string): string {
  assert(name !== '', 'regions have names');
  return encodeURIComponent(name).replaceAll('-', '%2D').replaceAll('%20', '-');
}
