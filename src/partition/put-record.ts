import type { ByteReader, ByteWriter } from '../base/index.ts';
import {
  decodePutHead,
  encodePutHead,
  type Incarnation,
  isUnmarked,
  marksOf,
  type StoredPut,
} from '../merge/index.ts';

/** Appends a write but for its number; its text goes to the end. */
export function writePut(writer: ByteWriter, put: StoredPut): ByteWriter {
  encodePutHead(writer, put);
  return writer.raw(put.body);
}

/** What `writePut` wrote of the write with this number. The body is a view. */
export function readPut(reader: ByteReader, incarnation: Incarnation): StoredPut {
  const head = decodePutHead(reader);
  const { dot, time, priority, ttl, patch } = head;
  const put = { dot, time, incarnation, priority, ttl, patch, body: reader.rest() };
  return isUnmarked(head) ? put : { ...put, ...marksOf(head) };
}
