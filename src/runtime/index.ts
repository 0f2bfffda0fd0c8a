/** Clock, timers, randomness, disks and sockets: the only module that touches the real ones. */
export type { Disk, DiskFile } from './disk.ts';
export type { HttpHandler, HttpListener, HttpListenOptions, HttpRequest, HttpResponse } from './http.ts';
export type { Channel, Network, NetworkListener } from './network.ts';
export { type Cancel, type Runtime, sleep } from './runtime.ts';
