import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Channel, NetworkListener } from './network.ts';
import { createTcpNetwork } from './node-network.ts';

const network = createTcpNetwork();
const opened: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

async function listen(accept: (channel: Channel) => void = () => undefined): Promise<NetworkListener> {
  const listener = await network.listen('127.0.0.1:0', accept);
  opened.push(listener);
  return listener;
}

async function pair(): Promise<{ near: Channel; far: Channel }> {
  let far: Channel | undefined;
  const listener = await listen((channel) => {
    far = channel;
  });
  const near = await network.connect(listener.address);
  await until(() => far !== undefined);
  opened.push(near);
  return { near, far: far as Channel };
}

async function until(isDone: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!isDone()) {
    if (Date.now() > deadline) throw new TypeError('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe('frames', () => {
  test('of any length arrive whole and in order, both ways', async () => {
    const { near, far } = await pair();
    const lengths = [0, 1, 3, 4, 5, 65_535, 65_536, 65_537, 1_000_000, 7, 0, 3_000_000];
    const frames = lengths.map((length, at) => Buffer.alloc(length, at + 1));
    const got: Buffer[] = [];
    const back: number[] = [];
    far.onFrame((frame) => {
      got.push(Buffer.from(frame));
      far.send(frame.subarray(0, 1));
    });
    near.onFrame((frame) => back.push(frame.length));
    for (const frame of frames) near.send(frame);
    await until(() => back.length === lengths.length);
    expect(got.map((frame) => frame.length)).toEqual(lengths);
    expect(got.every((frame, at) => frame.equals(frames[at] as Buffer))).toBe(true);
    await until(() => near.queuedBytes === 0);
  });

  test('however TCP cuts them up', async () => {
    const got: string[] = [];
    const { address } = await listen((channel) => channel.onFrame((frame) => got.push(frame.toString())));
    const socket = connectSocket(Number(address.split(':')[1]), '127.0.0.1').setNoDelay(true);
    opened.push({ close: () => socket.destroy() });
    const bytes = Buffer.from('\0\0\0\x05hello\0\0\0\0\0\0\0\x05world');
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await until(() => got.length === 3);
    expect(got).toEqual(['hello', '', 'world']);
  });

  test('that come before there is a handler wait for it', async () => {
    const { near, far } = await pair();
    near.send(Buffer.from('early'));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const got: string[] = [];
    far.onFrame((frame) => got.push(frame.toString()));
    await until(() => got.length === 1);
    expect(got).toEqual(['early']);
  });

  test('that nobody takes are counted as queued', async () => {
    const { near } = await pair();
    for (let n = 0; n < 20; n++) near.send(Buffer.alloc(1_000_000));
    expect(near.queuedBytes).toBeGreaterThan(1_000_000);
  });

  test('that announce more than is allowed end the channel at once', async () => {
    let isClosed = false;
    const { address } = await listen((channel) => {
      channel.onFrame(() => undefined);
      channel.onClose(() => {
        isClosed = true;
      });
    });
    const socket = connectSocket(Number(address.split(':')[1]), '127.0.0.1');
    opened.push({ close: () => socket.destroy() });
    socket.on('error', () => undefined);
    socket.write(Buffer.from([0x04, 0, 0, 1]));
    await until(() => isClosed && socket.destroyed);
  });
});

describe('channels', () => {
  test('deliver what was sent before they close, and tell the other side once', async () => {
    const { near, far } = await pair();
    const heard: string[] = [];
    far.onFrame((frame) => heard.push(frame.toString()));
    far.onClose(() => heard.push('closed'));
    near.onClose(() => heard.push('own close'));
    near.send(Buffer.from('last'));
    near.close();
    near.close();
    near.send(Buffer.from('never'));
    await until(() => heard.includes('closed'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(heard).toEqual(['last', 'closed']);
  });

  test('close when the connection breaks', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.push({ close: () => server.close() });
    const bound = server.address() as { port: number };
    const channel = await network.connect(`127.0.0.1:${bound.port}`);
    let isClosed = false;
    channel.onFrame(() => undefined);
    channel.onClose(() => {
      isClosed = true;
    });
    await until(() => sockets.length === 1);
    sockets[0]?.resetAndDestroy();
    await until(() => isClosed);
    channel.send(Buffer.from('into the void'));
    expect(channel.queuedBytes).toBe(0);
  });

  test('end with their listener', async () => {
    const listener = await listen();
    const channel = await network.connect(listener.address);
    let isClosed = false;
    channel.onFrame(() => undefined);
    channel.onClose(() => {
      isClosed = true;
    });
    await listener.close();
    await until(() => isClosed);
    await expect(network.connect(listener.address)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('addresses', () => {
  test.each(['', 'nowhere', ':80', 'host:', 'host:70000', 'host:x'])("'%s' is refused", async (address) => {
    await expect(network.connect(address)).rejects.toThrow(/host:port/);
    await expect(network.listen(address, () => undefined)).rejects.toThrow(/host:port/);
  });

  test('a port that is taken is an error', async () => {
    const { address } = await listen();
    await expect(network.listen(address, () => undefined)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
