import { assert } from '../base/index.ts';
import type { Channel, Network, NetworkListener } from './network.ts';
import type { Runtime } from './runtime.ts';

/**
 * A network inside one process. Frames are handed over by reference, never copied, so a sender must not
 * touch a frame again; they arrive in a later event (`Runtime.soon`), all that gathered until then at once.
 *
 * Addresses are any text; one that ends with ':0' gets a number of its own in place of the 0.
 */
export function createLocalNetwork(runtime: Pick<Runtime, 'soon'>): Network {
  const accepts = new Map<string, (channel: Channel) => void>();
  let portLast = 0;
  return {
    connect(address) {
      return new Promise((resolve, reject) => {
        runtime.soon(() => {
          const accept = accepts.get(address);
          if (accept === undefined) {
            reject(new LocalNetworkError(`nobody listens at '${address}'`));
            return;
          }
          const near = new LocalChannel(runtime);
          const far = new LocalChannel(runtime);
          near.join(far);
          far.join(near);
          accept(far);
          resolve(near);
        });
      });
    },
    async listen(address, accept): Promise<NetworkListener> {
      const name = address.endsWith(':0') ? `${address.slice(0, -1)}${++portLast}` : address;
      if (accepts.has(name)) throw new LocalNetworkError(`somebody listens at '${name}' already`);
      accepts.set(name, accept);
      return {
        address: name,
        async close() {
          if (accepts.get(name) === accept) accepts.delete(name);
        },
      };
    },
  };
}

class LocalNetworkError extends Error {
  override name = 'LocalNetworkError';
}

class LocalChannel implements Channel {
  readonly #runtime: Pick<Runtime, 'soon'>;
  #peer: LocalChannel | undefined;
  #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  #isScheduled = false;
  #isClosed = false;
  /** The other side closed: what it sent before still arrives, then we close too. */
  #isEnding = false;
  #onFrame: ((frame: Buffer) => void) | undefined;
  #onClose: (() => void) | undefined;

  constructor(runtime: Pick<Runtime, 'soon'>) {
    this.#runtime = runtime;
  }

  join(peer: LocalChannel): void {
    this.#peer = peer;
  }

  get queuedBytes(): number {
    return this.#peer === undefined ? 0 : this.#peer.#inboxBytes;
  }

  send(frame: Uint8Array): void {
    const peer = this.#peer;
    if (this.#isClosed || peer === undefined || peer.#isClosed) return;
    peer.#inbox.push(frame);
    peer.#inboxBytes += frame.length;
    peer.#schedule();
  }

  onFrame(handler: (frame: Buffer) => void): void {
    assert(this.#onFrame === undefined, 'a channel has one owner');
    this.#onFrame = handler;
    if (this.#inbox.length > 0) this.#schedule();
  }

  onClose(handler: () => void): void {
    assert(this.#onClose === undefined, 'a channel has one owner');
    this.#onClose = handler;
    if (this.#isEnding) this.#schedule();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inbox = [];
    this.#inboxBytes = 0;
    const peer = this.#peer;
    if (peer === undefined || peer.#isClosed) return;
    peer.#isEnding = true;
    peer.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#runtime.soon(() => this.#deliver());
  }

  #deliver(): void {
    this.#isScheduled = false;
    const handler = this.#onFrame;
    if (handler !== undefined) {
      const frames = this.#inbox;
      this.#inbox = [];
      this.#inboxBytes = 0;
      for (const frame of frames) {
        if (this.#isClosed) return;
        handler(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
      }
    }
    if (this.#isEnding && !this.#isClosed && this.#inbox.length === 0 && this.#onClose !== undefined) {
      this.#isClosed = true;
      this.#onClose();
    }
  }
}
