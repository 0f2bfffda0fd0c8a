/** The composition root. */
export { type CatchingUp, catchUp } from './catching-up.ts';
export { DataDirectoryError } from './data-directory.ts';
export { openRegion, type Region, type RegionOptions } from './region.ts';
export { runRegionProcess } from './region-process.ts';
export type { RunningServer } from './running-server.ts';
export { type ServerConsole, startServer } from './start-server.ts';
