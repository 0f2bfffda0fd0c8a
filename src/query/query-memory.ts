import { assert, type Json } from '../base/index.ts';
import { DatabaseError } from '../errors/index.ts';
import { namesOf } from './long-objects.ts';

/** What one execution may keep besides its page: distinct rows, groups, lists, numbers, sorted rows. */
const MEMORY_MAX = 64 * 1024 * 1024;

/**
 * Bytes that an entry of a map or a small object takes besides what it holds; measured on V8, rounded up.
 */
export const ENTRY_BYTES = 100;

/**
 * The memory of one execution. A query that needs more is refused with a clear error; the process, which has
 * other work too, must not end over it.
 */
export class QueryMemory {
  #left = MEMORY_MAX;

  /** Bytes taken so far. */
  get used(): number {
    return MEMORY_MAX - this.#left;
  }

  /** Gives back what was taken and is kept no more. */
  release(bytes: number): void {
    this.#left += bytes;
    assert(this.#left <= MEMORY_MAX, 'only what was taken is given back');
  }

  /** @throws DatabaseError `BadRequest` when there is not so much left. */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left >= 0) return;
    const megabytes = MEMORY_MAX / 1024 / 1024;
    const message =
      `The query keeps more than ${megabytes} MB of rows, groups, lists or numbers of items while it runs. ` +
      'Narrow it by a filter or a partition key.';
    throw new DatabaseError('BadRequest', message);
  }
}

/** About how many bytes a value takes in memory. */
export function sizeOf(value: Json): number {
  switch (typeof value) {
    case 'string':
      return 24 + 2 * value.length;
    case 'object': {
      if (value === null) return 8;
      let size = 32;
      if (Array.isArray(value)) for (const element of value) size += 8 + sizeOf(element);
      else for (const name of namesOf(value)) size += 16 + sizeOf(value[name] as Json);
      return size;
    }
    default:
      return 16;
  }
}
