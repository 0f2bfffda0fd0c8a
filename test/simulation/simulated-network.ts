import { assert, murmur3x86Hash32 } from '../../src/base/index.ts';
import type { Channel, Network, NetworkListener } from '../../src/runtime/index.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedMachine, SimulatedRuntime } from './simulated-runtime.ts';

/** How one direction between two regions behaves. */
export interface LinkQuality {
  /** One-way delay of each frame: `delayMs` and up to `jitterMs` more. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Probabilities for each frame, from 0 to 1. */
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
}

export const PERFECT_LINK: LinkQuality = { delayMs: 1, jitterMs: 0, loss: 0, duplicate: 0, reorder: 0 };

/** A frame that was reordered comes up to this much later than it should. */
const REORDER_MS_MAX = 200;
const CONNECT_TIMEOUT_MS = 3_000;

interface Listening {
  readonly machine: SimulatedMachine;
  readonly accept: (channel: Channel) => void;
}

/**
 * The network between regions. Frames are copied, as real ones would be, so that a sender who touches a
 * frame again is found out. A cut swallows frames and goodbyes without a word; a frame that reaches an
 * end that is no more is answered by closing the channel, as TCP does.
 */
export class SimulatedNetwork {
  readonly #runtime: SimulatedRuntime;
  readonly #random: SeededRandom;
  readonly #listening = new Map<string, Listening>();
  readonly #links = new Map<string, LinkQuality>();
  /** How many faults keep a link cut: it heals when the last of them is over. */
  readonly #cuts = new Map<string, number>();
  /** Frames that a clogged link holds back, with how they arrive. */
  readonly #clogs = new Map<string, (() => void)[]>();
  readonly #ends = new Set<ChannelEnd>();
  #defaultLink: LinkQuality = PERFECT_LINK;
  #ports = 0;
  #channels = 0;
  /** How often each thing happened: faults that never strike prove nothing. */
  readonly counts = { delivered: 0, lost: 0, duplicated: 0, reordered: 0, swallowed: 0, broken: 0, held: 0 };

  constructor(options: { runtime: SimulatedRuntime; random: SeededRandom }) {
    this.#runtime = options.runtime;
    this.#random = options.random;
  }

  /** The network as `machine` sees it. */
  forRegion(machine: SimulatedMachine): Network {
    return {
      connect: (address) => this.#connect(machine, address),
      listen: (address, accept) => this.#listen(machine, address, accept),
    };
  }

  setAllLinks(quality: LinkQuality): void {
    this.#defaultLink = quality;
    this.#links.clear();
  }

  setLink(from: string, to: string, quality: LinkQuality): void {
    this.#links.set(linkName(from, to), quality);
  }

  /** From now on nothing gets from one region to the other. */
  cut(from: string, to: string): void {
    const name = linkName(from, to);
    this.#cuts.set(name, (this.#cuts.get(name) ?? 0) + 1);
  }

  heal(from: string, to: string): void {
    const name = linkName(from, to);
    const left = (this.#cuts.get(name) ?? 0) - 1;
    if (left > 0) this.#cuts.set(name, left);
    else this.#cuts.delete(name);
  }

  /** From now on a link holds back what it is given, as a full pipe does. */
  clog(from: string, to: string): void {
    const name = linkName(from, to);
    if (!this.#clogs.has(name)) this.#clogs.set(name, []);
  }

  unclog(from: string, to: string): void {
    const held = this.#clogs.get(linkName(from, to)) ?? [];
    this.#clogs.delete(linkName(from, to));
    for (const arrive of held) this.event(0, 'unclogged', arrive);
  }

  healAll(): void {
    this.#cuts.clear();
    for (const name of [...this.#clogs.keys()]) {
      const [from = '', to = ''] = name.split('>');
      this.unclog(from, to);
    }
  }

  /** Calls `arrive` at once, or when the link is no longer clogged. */
  pass(from: string, to: string, arrive: () => void): void {
    const held = this.#clogs.size === 0 ? undefined : this.#clogs.get(linkName(from, to));
    if (held === undefined) arrive();
    else {
      this.counts.held += 1;
      held.push(arrive);
    }
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(linkName(from, to));
  }

  /** Breaks every channel between two regions: both sides hear of it, frames under way are gone. */
  breakChannels(one: string, other: string): void {
    for (const end of [...this.#ends]) {
      if (end.machine.name !== one || end.peer.machine.name !== other) continue;
      this.counts.broken += 1;
      end.fail();
      end.peer.fail();
    }
  }

  /** What the other side notices of a machine that stopped: its operating system is gone or says goodbye. */
  crash(machine: SimulatedMachine): void {
    for (const [address, listening] of this.#listening) {
      if (listening.machine === machine) this.#listening.delete(address);
    }
    for (const end of [...this.#ends]) if (end.machine === machine) end.close();
  }

  link(from: string, to: string): LinkQuality {
    const special = this.#links.size === 0 ? undefined : this.#links.get(linkName(from, to));
    return special ?? this.#defaultLink;
  }

  /** Delay of the next frame on a link. */
  delayOf(from: string, to: string): number {
    const { delayMs, jitterMs } = this.link(from, to);
    return delayMs + this.#random.next() * jitterMs;
  }

  get random(): SeededRandom {
    return this.#random;
  }

  /** Something that happens on the wire, in no region. */
  event(delayMs: number, label: string, task: () => void): void {
    this.#runtime.schedule({ delayMs, label }, task);
  }

  forget(end: ChannelEnd): void {
    this.#ends.delete(end);
  }

  #connect(machine: SimulatedMachine, address: string): Promise<Channel> {
    return new Promise((resolve, reject) => {
      const refuse = (delayMs: number) =>
        machine.schedule(delayMs, 'refused', () =>
          reject(new ConnectError(`nobody answers at '${address}'`)),
        );
      const there = this.#listening.get(address)?.machine.name;
      if (there === undefined) {
        refuse(this.#defaultLink.delayMs);
        return;
      }
      if (this.isCut(machine.name, there)) {
        refuse(CONNECT_TIMEOUT_MS);
        return;
      }
      // The far side accepts in an event of its own, then the answer travels back.
      const arrival = { delayMs: this.delayOf(machine.name, there), label: `connect from ${machine.name}` };
      this.#runtime.schedule(arrival, () => {
        const listening = this.#listening.get(address);
        const back = this.delayOf(there, machine.name);
        if (listening === undefined || listening.machine.isHalted) return refuse(back);
        if (this.isCut(there, machine.name)) return refuse(CONNECT_TIMEOUT_MS);
        const [near, far] = this.#pair(machine, listening.machine);
        listening.machine.schedule(0, 'accept', () => listening.accept(far));
        return machine.schedule(back, 'connected', () => resolve(near));
      });
    });
  }

  #pair(near: SimulatedMachine, far: SimulatedMachine): [ChannelEnd, ChannelEnd] {
    const number = ++this.#channels;
    const ends = [new ChannelEnd(this, near, number), new ChannelEnd(this, far, number)] as const;
    ends[0].join(ends[1]);
    ends[1].join(ends[0]);
    for (const end of ends) this.#ends.add(end);
    return [...ends];
  }

  async #listen(
    machine: SimulatedMachine,
    address: string,
    accept: (channel: Channel) => void,
  ): Promise<NetworkListener> {
    const name = address.endsWith(':0') ? `${address.slice(0, -1)}${++this.#ports}` : address;
    assert(!this.#listening.has(name), `somebody listens at '${name}' already`);
    const listening: Listening = { machine, accept };
    this.#listening.set(name, listening);
    return {
      address: name,
      close: async () => {
        if (this.#listening.get(name) === listening) this.#listening.delete(name);
      },
    };
  }
}

class ConnectError extends Error {
  override name = 'ConnectError';
}

class ChannelEnd implements Channel {
  readonly machine: SimulatedMachine;
  readonly #network: SimulatedNetwork;
  readonly #number: number;
  #peer: ChannelEnd | undefined;
  #isClosed = false;
  #isOver = false;
  #queuedBytes = 0;
  /** When the last frame sent in order will arrive: those after it come no sooner. */
  #lastArrivalMs = 0;
  #onFrame: ((frame: Buffer) => void) | undefined;
  #onClose: (() => void) | undefined;
  readonly #waiting: Buffer[] = [];

  constructor(network: SimulatedNetwork, machine: SimulatedMachine, number: number) {
    this.#network = network;
    this.machine = machine;
    this.#number = number;
  }

  join(peer: ChannelEnd): void {
    this.#peer = peer;
  }

  get peer(): ChannelEnd {
    assert(this.#peer !== undefined, 'ends come in pairs');
    return this.#peer;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  send(frame: Uint8Array): void {
    if (this.#isClosed || this.#isOver || this.machine.isHalted) return;
    const { random, counts } = this.#network;
    const quality = this.#network.link(this.machine.name, this.peer.machine.name);
    const copy = Buffer.from(frame);
    if (random.chance(quality.duplicate)) {
      counts.duplicated += 1;
      this.#transmit(copy, random.next() * REORDER_MS_MAX, false);
    }
    if (random.chance(quality.loss)) {
      counts.lost += 1;
      return;
    }
    if (random.chance(quality.reorder)) {
      counts.reordered += 1;
      this.#transmit(copy, random.next() * REORDER_MS_MAX, false);
    } else this.#transmit(copy, 0, true);
  }

  #transmit(frame: Buffer, extraMs: number, isInOrder: boolean): void {
    const { peer } = this;
    const nowMs = this.machine.trueMs;
    let arrivalMs = nowMs + extraMs + this.#network.delayOf(this.machine.name, peer.machine.name);
    if (isInOrder) {
      arrivalMs = Math.max(arrivalMs, this.#lastArrivalMs);
      this.#lastArrivalMs = arrivalMs;
    }
    this.#queuedBytes += frame.length;
    const label = `frame ${this.#number} ${this.machine.name} ${frame.length} ${murmur3x86Hash32(frame)}`;
    // Owned by nobody: the frame leaves the sender's queue even when the receiver is paused or gone.
    const arrive = () => {
      this.#queuedBytes -= frame.length;
      if (this.#network.isCut(this.machine.name, peer.machine.name)) this.#network.counts.swallowed += 1;
      else peer.#arrive(frame);
    };
    const { name } = this.machine;
    this.#network.event(arrivalMs - nowMs, label, () => this.#network.pass(name, peer.machine.name, arrive));
  }

  #arrive(frame: Buffer): void {
    if (this.machine.isHalted || this.#isClosed) {
      // Nobody is here any more: the sender learns so.
      this.#sayGoodbye();
      return;
    }
    if (this.#isOver) return;
    this.machine.schedule(0, 'receive', () => {
      if (this.#isClosed) return;
      this.#network.counts.delivered += 1;
      if (this.#onFrame === undefined) this.#waiting.push(frame);
      else this.#onFrame(frame);
    });
  }

  onFrame(handler: (frame: Buffer) => void): void {
    assert(this.#onFrame === undefined, 'a channel has one owner');
    this.#onFrame = handler;
    const waiting = this.#waiting.splice(0);
    if (waiting.length === 0) return;
    this.machine.schedule(0, 'receive', () => {
      for (const frame of waiting) if (!this.#isClosed) handler(frame);
    });
  }

  onClose(handler: () => void): void {
    assert(this.#onClose === undefined, 'a channel has one owner');
    this.#onClose = handler;
    if (this.#isOver) this.machine.schedule(0, 'closed', handler);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#network.forget(this);
    this.#sayGoodbye();
  }

  /** The goodbye follows the frames sent before; it can get lost in a cut like any of them. */
  #sayGoodbye(): void {
    const { peer } = this;
    const nowMs = this.machine.trueMs;
    const arrivalMs = Math.max(
      this.#lastArrivalMs,
      nowMs + this.#network.delayOf(this.machine.name, peer.machine.name),
    );
    this.#network.event(arrivalMs - nowMs, `goodbye ${this.#number} ${this.machine.name}`, () => {
      if (!this.#network.isCut(this.machine.name, peer.machine.name)) peer.fail();
    });
  }

  /** The channel broke, as its owner will hear in an event of its own. */
  fail(): void {
    if (this.#isClosed || this.#isOver) return;
    this.#isOver = true;
    this.#network.forget(this);
    const handler = this.#onClose;
    if (handler !== undefined) this.machine.schedule(0, 'closed', handler);
  }
}

function linkName(from: string, to: string): string {
  return `${from}>${to}`;
}
