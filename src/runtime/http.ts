/** One HTTP request, read whole. Header names are lower-case, as node:http gives them. */
export interface HttpRequest {
  readonly method: string;
  /** The raw request target, percent escapes and all, starting with '/'. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** Whether the client came by TLS. */
  readonly secure: boolean;
}

export interface HttpResponse {
  readonly status: number;
  /** Flat name, value, name, value … list: node:http writes it without a look-up per header. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | string | undefined;
  /**
   * Called at the most once, when `body` is not read any more. Not called when the connection ends before.
   */
  readonly onSent?: () => void;
}

/** Never rejects: failures are answers. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse> | HttpResponse;

/** Why a request was answered without the handler: malformed, too slow, body too large, header too large. */
export type HttpRefusal = 400 | 408 | 413 | 431;

export interface HttpListener {
  readonly port: number;
  /** Takes no new connections, closes idle ones, finishes requests in flight, then resolves. */
  close(): Promise<void>;
}

export interface HttpListenOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly handler: HttpHandler;
  /** PEM texts; with them the listener also answers TLS on the same port (the first byte decides). */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Larger request bodies are answered 413 without being read whole. In bytes. */
  readonly bodyBytesMax: number;
  /** Builds the answer to a request that never reaches the handler; a plain JSON body without it. */
  readonly refuse?: (status: HttpRefusal) => HttpResponse;
}
