import { expect, test } from 'vitest';
import { createLocalNetwork } from './local-network.ts';
import type { Channel } from './network.ts';

const network = () => createLocalNetwork({ soon: (task) => setImmediate(task) });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

async function pair() {
  const subject = network();
  let far: Channel | undefined;
  const listener = await subject.listen('B', (channel) => {
    far = channel;
  });
  const near = await subject.connect('B');
  if (far === undefined) throw new TypeError('not accepted');
  return { subject, listener, near, far };
}

test('frames arrive later, whole, in order and without being copied', async () => {
  const { near, far } = await pair();
  const got: Buffer[] = [];
  far.onFrame((frame) => got.push(frame));
  const sent = [Buffer.from('one'), new Uint8Array([1, 2]), Buffer.from('three').subarray(1, 3)];
  for (const frame of sent) near.send(frame);
  expect(got).toEqual([]);
  expect(near.queuedBytes).toBe(7);
  await turn();
  expect(got.map((frame) => [...frame])).toEqual(sent.map((frame) => [...frame]));
  expect(got[0]?.buffer).toBe(sent[0]?.buffer);
  expect(near.queuedBytes).toBe(0);
});

test('what comes before there is a handler waits for it', async () => {
  const { near, far } = await pair();
  far.send(Buffer.from('early'));
  far.close();
  await turn();
  const got: string[] = [];
  near.onClose(() => got.push('closed'));
  near.onFrame((frame) => got.push(frame.toString()));
  await turn();
  expect(got).toEqual(['early', 'closed']);
});

test('closing is heard on the other side only, once, and sending on is harmless', async () => {
  const { near, far } = await pair();
  const closed: string[] = [];
  near.onFrame(() => closed.push('frame'));
  far.onFrame(() => closed.push('frame'));
  near.onClose(() => closed.push('near'));
  far.onClose(() => closed.push('far'));
  near.close();
  near.close();
  near.send(Buffer.from('x'));
  await turn();
  far.close();
  far.send(Buffer.from('x'));
  await turn();
  expect(closed).toEqual(['far']);
});

test('nobody answers where nobody listens, or listens any more', async () => {
  const { subject, listener } = await pair();
  await expect(subject.connect('C')).rejects.toThrow(/'C'/);
  await expect(subject.listen('B', () => undefined)).rejects.toThrow(/already/);
  await listener.close();
  await expect(subject.connect('B')).rejects.toThrow(/'B'/);
});

test('port 0 gives every listener its own address', async () => {
  const subject = network();
  const one = await subject.listen('here:0', () => undefined);
  const two = await subject.listen('here:0', () => undefined);
  expect(one.address).not.toBe(two.address);
  await expect(subject.connect(two.address)).resolves.toBeDefined();
});
