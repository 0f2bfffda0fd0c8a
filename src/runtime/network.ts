/**
 * Frames between regions. A channel delivers whole frames in order or closes; it promises nothing about
 * frames that were under way when it closed. Faults (see replication's links) may sit in between and
 * lose, delay, repeat or reorder frames, so users of a channel number their frames.
 */
export interface Network {
  /** Rejects when nobody answers at `address`. */
  connect(address: string): Promise<Channel>;
  /** Calls `accept` for each incoming channel. `address` may name port 0; the result tells the real one. */
  listen(address: string, accept: (channel: Channel) => void): Promise<NetworkListener>;
}

export interface NetworkListener {
  readonly address: string;
  close(): Promise<void>;
}

export interface Channel {
  /** Frames are at most 64 MiB. Sending on a closed channel does nothing. */
  send(frame: Uint8Array): void;
  /** Bytes accepted by `send` and not yet handed to the other side's machine; senders pause on it. */
  readonly queuedBytes: number;
  /** Set once by the owner, before the next event; frames that arrive earlier wait. */
  onFrame(handler: (frame: Buffer) => void): void;
  onClose(handler: () => void): void;
  close(): void;
}
