/**
 * Faults and latencies of the links between regions, for trying out what distance and trouble do.
 *
 * They are applied where a frame is sent, in each direction by itself, so the same list of faults works
 * whether the regions share a process (one LinkConditions) or have one each (every process gets the list).
 * Under delays frames keep their order, as on a TCP connection; only a `reorder` fault breaks it. A cut
 * link loses frames silently; since no connection skips bytes, a channel that lost some closes as soon as
 * a frame could get through again.
 */
import type { Channel, Network, Runtime } from '../runtime/index.ts';
import {
  acceptNamed,
  CONNECT_TIMEOUT_MS,
  type Condition,
  Direction,
  LinkChannel,
  type LinkChannelOptions,
  sayName,
} from './link-channel.ts';
import { countEntries } from './wire.ts';

export type LinkFault =
  /** Nothing gets through; `one`: only the direction from `from` to `to` is cut. */
  | { readonly kind: 'cut'; readonly from: string; readonly to: string; readonly direction: 'both' | 'one' }
  /** Cut off from all other regions; clients still reach it. */
  | { readonly kind: 'isolate'; readonly region: string }
  /** Every frame takes `ms` longer, and up to `jitterMs` more at random. */
  | {
      readonly kind: 'delay';
      readonly from: string;
      readonly to: string;
      readonly ms: number;
      readonly jitterMs?: number;
    }
  /** A frame comes twice with this probability, from 0 to 1. */
  | { readonly kind: 'duplicate'; readonly from: string; readonly to: string; readonly probability: number }
  /** A frame is overtaken by later ones with this probability, from 0 to 1. */
  | { readonly kind: 'reorder'; readonly from: string; readonly to: string; readonly probability: number }
  | {
      readonly kind: 'throttle';
      readonly from: string;
      readonly to: string;
      readonly entriesPerSecond: number;
    };

export interface ListedLinkFault {
  readonly id: string;
  readonly fault: LinkFault;
}

export interface LinkConditionsOptions {
  readonly runtime: Runtime;
  /** One-way latency between two regions when nothing is wrong, in milliseconds; none without it. */
  readonly latencyMs?: (from: string, to: string) => number;
}

export class LinkConditions {
  readonly #options: LinkConditionsOptions;
  readonly #channelOptions: LinkChannelOptions;
  readonly #faults = new Map<string, LinkFault>();
  readonly #directions = new Map<string, Direction>();
  #idLast = 0;

  constructor(options: LinkConditionsOptions) {
    this.#options = options;
    this.#channelOptions = { runtime: options.runtime, weigh: countEntries };
  }

  /** Puts a fault into effect and gives its id: `id`, or a new one. */
  add(fault: LinkFault, id = this.#newId()): string {
    this.#faults.set(id, fault);
    this.#refresh();
    return id;
  }

  /** Undoes a fault; false when there is none of that id. */
  remove(id: string): boolean {
    const existed = this.#faults.delete(id);
    if (existed) this.#refresh();
    return existed;
  }

  /** Undoes all faults. */
  clear(): void {
    this.#faults.clear();
    this.#refresh();
  }

  list(): ListedLinkFault[] {
    return [...this.#faults].map(([id, fault]) => ({ id, fault }));
  }

  /** Whether nothing gets from `from` to `to`. */
  isCut(from: string, to: string): boolean {
    return from !== to && this.#direction(from, to).condition.isCut;
  }

  /** `base` as `region` sees it. `regionAt` names the region that listens at an address. */
  network(region: string, base: Network, regionAt: (address: string) => string): Network {
    const wrap = (channel: Channel, remote: string): Channel =>
      new LinkChannel(channel, this.#direction(region, remote), this.#channelOptions);
    return {
      connect: async (address) => {
        const remote = regionAt(address);
        if (this.isCut(region, remote) || this.isCut(remote, region)) {
          await new Promise<void>((resolve) => this.#options.runtime.after(CONNECT_TIMEOUT_MS, resolve));
          throw new LinkCutError(`no answer from ${remote}`);
        }
        const channel = await base.connect(address);
        sayName(channel, region);
        return wrap(channel, remote);
      },
      listen: (address, accept) =>
        base.listen(address, (channel) => acceptNamed(this.#options.runtime, channel, wrap, accept)),
    };
  }

  #newId(): string {
    do this.#idLast++;
    while (this.#faults.has(`fault-${this.#idLast}`));
    return `fault-${this.#idLast}`;
  }

  #direction(from: string, to: string): Direction {
    const key = JSON.stringify([from, to]);
    let direction = this.#directions.get(key);
    if (direction === undefined) {
      direction = new Direction(from, to, this.#conditionOf(from, to));
      this.#directions.set(key, direction);
    }
    return direction;
  }

  #refresh(): void {
    for (const direction of this.#directions.values()) {
      direction.condition = this.#conditionOf(direction.from, direction.to);
      direction.nextFreeMs = 0;
      for (const channel of [...direction.channels]) channel.conditionChanged();
    }
  }

  #conditionOf(from: string, to: string): Condition {
    const condition = {
      isCut: false,
      delayMs: this.#options.latencyMs?.(from, to) ?? 0,
      jitterMs: 0,
      duplicate: 0,
      reorder: 0,
      entriesPerSecond: Number.POSITIVE_INFINITY,
    };
    for (const fault of this.#faults.values()) {
      if (fault.kind === 'isolate') {
        condition.isCut ||= fault.region === from || fault.region === to;
        continue;
      }
      const isBack =
        fault.kind === 'cut' && fault.direction === 'both' && fault.from === to && fault.to === from;
      if (!isBack && !(fault.from === from && fault.to === to)) continue;
      if (fault.kind === 'cut') condition.isCut = true;
      else if (fault.kind === 'delay') {
        condition.delayMs += fault.ms;
        condition.jitterMs += fault.jitterMs ?? 0;
      } else if (fault.kind === 'throttle') {
        condition.entriesPerSecond = Math.min(condition.entriesPerSecond, fault.entriesPerSecond);
      } else condition[fault.kind] = Math.max(condition[fault.kind], fault.probability);
    }
    return condition;
  }
}

class LinkCutError extends Error {
  override name = 'LinkCutError';
}
