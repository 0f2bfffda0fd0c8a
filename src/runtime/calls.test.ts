import { serialize } from 'node:v8';
import { expect, test } from 'vitest';
import { answerCalls, Caller, NoAnswerError } from './calls.ts';
import { createLocalNetwork } from './local-network.ts';
import type { Channel } from './network.ts';
import { createNodeRuntime } from './node-runtime.ts';

const runtime = createNodeRuntime({ timersHoldProcess: true });

/** Both ends of a channel. */
async function ends(): Promise<[Channel, Channel]> {
  const network = createLocalNetwork(runtime);
  const accepted = new Promise<Channel>((resolve) => void network.listen('B', resolve));
  return [await network.connect('B'), await accepted];
}

test('answers may overtake each other', async () => {
  const [near, far] = await ends();
  const waiting: (() => void)[] = [];
  answerCalls(far, (question) => new Promise((resolve) => waiting.push(() => resolve(`${question}!`))));
  const caller = new Caller(runtime, near, () => undefined);
  const [first, second] = [caller.call('first', 1_000), caller.call('second', 1_000)];
  await expect.poll(() => waiting.length).toBe(2);
  waiting[1]?.();
  expect(await second).toBe('second!');
  waiting[0]?.();
  expect(await first).toBe('first!');
});

test.each([
  ['garbage', Buffer.from('garbage')],
  ['a number', serialize(7)],
  ['nothing', Buffer.alloc(0)],
])('%s ends the channel, and nothing else, at either end', async (_, frame) => {
  const [near, far] = await ends();
  let isClosed = false;
  answerCalls(
    far,
    async () => 'never',
    () => {
      isClosed = true;
    },
  );
  near.send(frame);
  await expect.poll(() => isClosed).toBe(true);

  const [asking, silent] = await ends();
  silent.onFrame(() => silent.send(frame));
  const call = new Caller(runtime, asking, () => undefined).call('question', 10_000);
  await expect(call).rejects.toBeInstanceOf(NoAnswerError);
});
