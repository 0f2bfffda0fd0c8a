import { assert, type ByteReader, type ByteWriter } from '../base/index.ts';
import type { Dot } from '../causality/index.ts';
import type { DeadIncarnation, ItemState, StoredPut } from './item-state.ts';

/**
 * An item's state as bytes for the store. Nearly all items are settled and have their visible body in the
 * document record, so that case is short: about 20 bytes.
 *
 * Layout: flags, [number of siblings, number of dead, unless settled], siblings, dead.
 *   sibling: origin * 2 + (1 if it has a priority), n, time, incarnation, [priority], [body]
 *   dead:    incarnation, number of deletes, (origin, n) of each
 */
const FLAG_SETTLED = 1;
const FLAG_BODY_ELSEWHERE = 2;

/**
 * `withoutVisibleBody`: leaves out the body of the visible put, if there is one; `decodeItemState` wants it
 * back.
 */
export function encodeItemState(
  writer: ByteWriter,
  state: ItemState,
  options: { readonly withoutVisibleBody?: boolean } = {},
): void {
  const { siblings, dead } = state;
  const isSettled = siblings.length === 1 && dead.length === 0;
  const isBodyElsewhere = options.withoutVisibleBody === true && siblings.length > 0;
  writer.u8((isSettled ? FLAG_SETTLED : 0) | (isBodyElsewhere ? FLAG_BODY_ELSEWHERE : 0));
  if (!isSettled) writer.uint(siblings.length).uint(dead.length);
  for (const [place, sibling] of siblings.entries()) {
    encodePut(writer, sibling);
    if (place > 0 || !isBodyElsewhere) writer.bytes(sibling.body);
  }
  for (const mark of dead) {
    writer.uint(mark.incarnation).uint(mark.deletes.length);
    for (const dot of mark.deletes) writer.uint(dot.origin).uint(dot.n);
  }
}

/**
 * What `encodeItemState` wrote; bodies are views of the reader's bytes. `visibleBody` must be given exactly
 * when the state was written without it and has a visible put. @throws RangeError when the bytes end too
 * early.
 */
export function decodeItemState(reader: ByteReader, visibleBody?: Uint8Array): ItemState {
  const flags = reader.u8();
  const isSettled = (flags & FLAG_SETTLED) !== 0;
  const isBodyElsewhere = (flags & FLAG_BODY_ELSEWHERE) !== 0;
  assert(isBodyElsewhere === (visibleBody !== undefined), 'the visible body is stored in exactly one place');
  const siblingCount = isSettled ? 1 : reader.uint();
  const deadCount = isSettled ? 0 : reader.uint();
  const siblings: StoredPut[] = [];
  for (let place = 0; place < siblingCount; place++) {
    siblings.push(decodePut(reader, place === 0 ? visibleBody : undefined));
  }
  const dead: DeadIncarnation[] = [];
  for (let left = deadCount; left > 0; left--) {
    const incarnation = reader.uint();
    const deletes: Dot[] = [];
    for (let more = reader.uint(); more > 0; more--)
      deletes.push({ origin: reader.uint(), n: reader.uint() });
    dead.push({ incarnation, deletes });
  }
  return { siblings, dead };
}

function encodePut(writer: ByteWriter, put: StoredPut): void {
  writer.uint(put.dot.origin * 2 + (put.priority === undefined ? 0 : 1)).uint(put.dot.n);
  writer.f64(put.time).uint(put.incarnation);
  if (put.priority !== undefined) writer.f64(put.priority);
}

function decodePut(reader: ByteReader, bodyElsewhere: Uint8Array | undefined): StoredPut {
  const originAndFlag = reader.uint();
  const dot = { origin: Math.floor(originAndFlag / 2), n: reader.uint() };
  const time = reader.f64();
  const incarnation = reader.uint();
  const priority = originAndFlag % 2 === 1 ? reader.f64() : undefined;
  return { dot, time, incarnation, priority, body: bodyElsewhere ?? reader.bytes() };
}
