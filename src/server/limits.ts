/** Largest request body: an item of 2 MiB in a batch, with room for the rest of the request. */
export const BODY_BYTES_MAX = 4 << 20;
