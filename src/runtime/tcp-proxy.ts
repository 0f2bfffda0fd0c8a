import { connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Passes each connection on to whatever `target` names at that moment, byte for byte; connections are
 * refused while it names nothing.
 */
export function listenTcpProxy(options: {
  readonly host: string;
  readonly port: number;
  readonly target: () => { readonly host: string; readonly port: number } | undefined;
}): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.setNoDelay(true);
  };
  const server = createServer((incoming) => {
    track(incoming);
    const target = options.target();
    if (target === undefined) {
      incoming.destroy();
      return;
    }
    const outgoing = connect(target.port, target.host);
    track(outgoing);
    // An error on either side is followed by its close, which ends the other.
    incoming.on('error', () => outgoing.destroy());
    outgoing.on('error', () => incoming.destroy());
    incoming.once('close', () => outgoing.destroy());
    // What was answered before may still be on its way to a slow client.
    outgoing.once('close', () => incoming.end());
    incoming.pipe(outgoing).pipe(incoming);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : options.port;
      const close = () =>
        new Promise<void>((done) => {
          server.close(() => done());
          for (const socket of sockets) socket.destroy();
        });
      resolve({ port, close });
    });
  });
}
