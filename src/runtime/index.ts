/** Clock, timers, randomness, disks, sockets and threads: the only module that touches the real ones. */
export { type AdjustableClocks, createAdjustableClocks } from './adjustable-clocks.ts';
export { answerCalls, Caller, NoAnswerError } from './calls.ts';
export { type Child, onParentGone, readFirstInputLine, startChild } from './child-process.ts';
export type { Disk, DiskFile } from './disk.ts';
export type {
  HttpHandler,
  HttpListener,
  HttpListenOptions,
  HttpRefusal,
  HttpRequest,
  HttpResponse,
} from './http.ts';
export { createLocalNetwork } from './local-network.ts';
export type { Channel, Network, NetworkListener } from './network.ts';
export { createNodeDisk } from './node-disk.ts';
export { listenHttp } from './node-http.ts';
export { createTcpNetwork } from './node-network.ts';
export { createNodeRuntime, type NodeRuntimeOptions } from './node-runtime.ts';
export {
  type CertificateWithKey,
  createDevelopmentCertificates,
  type DevelopmentCertificateOptions,
  type DevelopmentCertificates,
} from './node-tls-certificates.ts';
export { type Cancel, type Runtime, sleep } from './runtime.ts';
export { listenTcpProxy, type TcpProxy } from './tcp-proxy.ts';
export {
  listenToStarter,
  type StartThread,
  type Thread,
  type ThreadListeners,
  threadStarter,
} from './thread.ts';
export { Turns } from './turns.ts';
export { compileWasm, createWasmMemory, type WasmMemory, type WasmModule } from './wasm.ts';
