import { connect } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
const CHUNKS_END = Buffer.from('0\r\n\r\n');

/**
 * One keep-alive connection with at most one request under way. It reads no more of an answer than its status
 * and where it ends: node's own client would cost more than the servers that are measured.
 */
export class Connection {
  #socket;
  #pending = Buffer.alloc(0);
  /** Bytes of the body still to come; -1 for a chunked one; undefined before the head is complete. */
  #rest;
  #status = 0;
  #onAnswer;
  #resolveReady;
  ready = new Promise((resolve) => {
    this.#resolveReady = resolve;
  });

  constructor(port, onAnswer, onFailure) {
    this.#onAnswer = onAnswer;
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.on('connect', () => this.#resolveReady());
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('error', onFailure);
    this.#socket.on('close', () => onFailure(new Error('the server closed a connection')));
  }

  send(bytes) {
    this.#socket.write(bytes);
  }

  close() {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #read(chunk) {
    let body = chunk;
    if (this.#rest === undefined) {
      const head = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
      const end = head.indexOf(HEAD_END);
      if (end < 0) {
        this.#pending = head;
        return;
      }
      this.#pending = Buffer.alloc(0);
      const text = head.latin1Slice(0, end);
      this.#status = Number(text.slice(9, 12));
      const length = /\r\ncontent-length: *(\d+)/i.exec(text);
      this.#rest =
        length === null ? (/\r\ntransfer-encoding: *chunked/i.test(text) ? -1 : 0) : Number(length[1]);
      body = head.subarray(end + 4);
    }
    if (this.#rest === -1) {
      if (!body.subarray(-5).equals(CHUNKS_END)) return;
    } else {
      this.#rest -= body.length;
      if (this.#rest > 0) return;
    }
    this.#rest = undefined;
    this.#onAnswer(this.#status);
  }
}
