import { type JsonObject, StepCounter, type Steps } from '../../base/index.ts';
import { DatabaseError } from '../../errors/index.ts';
import { BodyPool, type PooledBody } from './body-pool.ts';

const bodies = new BodyPool(8 << 20);
const COMMA = 0x2c;

/** Rows that are looked at, or copied, before others have their turn: well below a millisecond. */
const ROWS_AT_ONCE = 1_000;

/** `{"_rid":…,"<name>":[rows],"_count":n}` around rows that are JSON text already. */
export function* feedBody(
  ownerRid: string,
  name: string,
  rows: readonly (Buffer | string)[],
): Steps<PooledBody> {
  const head = `{"_rid":${JSON.stringify(ownerRid)},"${name}":[`;
  const tail = `],"_count":${rows.length}}`;
  const pace = new StepCounter(ROWS_AT_ONCE);
  let length = Buffer.byteLength(head) + Math.max(0, rows.length - 1) + tail.length;
  for (const row of rows) {
    length += sizeOf(row);
    pace.add();
    if (pace.isDue()) yield;
  }
  const pooled = bodies.take(length);
  const { body } = pooled;
  let position = body.write(head, 0);
  for (let place = 0; place < rows.length; place++) {
    if (place > 0) body[position++] = COMMA;
    position += copyTo(body, position, rows[place] as Buffer | string);
    pace.add();
    if (pace.isDue()) yield;
  }
  body.write(tail, position);
  return pooled;
}

/** One text from pieces of text, each copied once. */
export function joinText(pieces: readonly (Buffer | string)[]): Buffer {
  let length = 0;
  for (const piece of pieces) length += sizeOf(piece);
  const text = Buffer.allocUnsafe(length);
  let position = 0;
  for (const piece of pieces) position += copyTo(text, position, piece);
  return text;
}

function sizeOf(piece: Buffer | string): number {
  return typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
}

/** Returns how many bytes that were. */
function copyTo(text: Buffer, position: number, piece: Buffer | string): number {
  if (typeof piece === 'string') return text.write(piece, position);
  text.set(piece, position);
  return piece.length;
}

/** Metadata pages are small, so a client that does not say gets this many. */
const PAGE_DEFAULT = 100;

/** Rows as JSON text. */
export interface Page {
  readonly rows: readonly string[];
  readonly continuation: string | undefined;
}

/** How a client asks for a page; see the headers of the same names. */
export interface PageRequest {
  readonly itemCountMax: number | undefined;
  readonly continuation: string | undefined;
}

/**
 * A page of resources in the order of their rids, which is the order of their making. The token names the
 * last rid given: clients delete what they list while they list it, and must not skip the rest.
 * @throws DatabaseError `BadRequest` for a token that is not ours.
 */
export function resourcePage(resources: readonly JsonObject[], request: PageRequest): Page {
  const sorted = resources
    .map((resource) => ({ resource, key: ridBytes(String(resource._rid)) }))
    .sort((a, b) => Buffer.compare(a.key, b.key));
  let start = 0;
  if (request.continuation !== undefined) {
    const last = ridBytes(tokenValue(request.continuation, /^\+RID:([A-Za-z0-9+\-=]+)$/));
    start = sorted.findIndex(({ key }) => Buffer.compare(key, last) > 0);
    if (start < 0) start = sorted.length;
  }
  const rows = sorted.slice(start, start + pageSize(request)).map(({ resource }) => resource);
  const isFull = rows.length === pageSize(request);
  return {
    rows: rows.map((row) => JSON.stringify(row)),
    continuation: isFull ? `+RID:${String(rows.at(-1)?._rid)}` : undefined,
  };
}

/** A page of query results over metadata, by position. @throws DatabaseError as `resourcePage`. */
export function resultPage(results: readonly string[], request: PageRequest): Page {
  const start =
    request.continuation === undefined ? 0 : Number(tokenValue(request.continuation, /^\+N:(\d{1,9})$/));
  const rows = results.slice(start, start + pageSize(request));
  const isFull = rows.length === pageSize(request);
  return { rows, continuation: isFull ? `+N:${start + rows.length}` : undefined };
}

function pageSize({ itemCountMax }: PageRequest): number {
  return itemCountMax === undefined || itemCountMax < 0 ? PAGE_DEFAULT : itemCountMax;
}

function ridBytes(rid: string): Buffer {
  return Buffer.from(rid.replaceAll('-', '/'), 'base64');
}

function tokenValue(token: string, form: RegExp): string {
  const value = form.exec(token)?.[1];
  if (value === undefined) throw new DatabaseError('BadRequest', 'Invalid Continuation Token');
  return value;
}
