import type { Channel, Network, NetworkListener } from '../runtime/index.ts';

/**
 * A network that can be made to behave as if this region's process had been stopped: nothing is sent, nothing
 * is noticed. What the stopped process would have missed is lost; whoever thaws it begins its sessions anew.
 */
export class FreezableNetwork implements Network {
  readonly #base: Network;
  #isFrozen = false;
  #onThaw: (() => void)[] = [];

  constructor(base: Network) {
    this.#base = base;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    const missed = this.#onThaw;
    this.#onThaw = [];
    for (const notice of missed) notice();
  }

  async connect(address: string): Promise<Channel> {
    await this.#thawed();
    const channel = await this.#base.connect(address);
    await this.#thawed();
    return this.#wrap(channel);
  }

  listen(address: string, accept: (channel: Channel) => void): Promise<NetworkListener> {
    return this.#base.listen(address, (channel) => accept(this.#wrap(channel)));
  }

  #thawed(): Promise<void> | undefined {
    return this.#isFrozen ? new Promise((resolve) => this.#onThaw.push(resolve)) : undefined;
  }

  #wrap(base: Channel): Channel {
    return {
      send: (frame) => {
        if (!this.#isFrozen) base.send(frame);
      },
      get queuedBytes() {
        return base.queuedBytes;
      },
      onFrame: (handler) =>
        base.onFrame((frame) => {
          if (!this.#isFrozen) handler(frame);
        }),
      onClose: (handler) =>
        base.onClose(() => {
          if (this.#isFrozen) this.#onThaw.push(handler);
          else handler();
        }),
      close: () => base.close(),
    };
  }
}
