/** A server that answers requests. */
export interface RunningServer {
  /** Global endpoint, management listener and regional endpoints, as URLs. */
  readonly endpoint: string;
  readonly management: string;
  readonly regions: readonly { readonly name: string; readonly endpoint: string }[];
  /** Regions that stay down because of what was found on their disks. */
  readonly down: readonly { readonly name: string; readonly reason: string }[];
  /** From the start of the process to the moment when the first request could be answered. */
  readonly readySeconds: number;
  /** Finishes requests in flight, makes everything durable and stops. */
  close(): Promise<void>;
}
