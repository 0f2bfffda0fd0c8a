/** By body, which several regions and checks share: parsed once. */
const VALUES = new WeakMap<Uint8Array, string>();

/** The member `value` of an item's JSON text, which tells one write from all others. */
export function itemValue(body: Uint8Array): string {
  let value = VALUES.get(body);
  if (value === undefined) {
    value = valueIn(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
    VALUES.set(body, value);
  }
  return value;
}

/** The same of a text. */
export function valueIn(text: string): string {
  return String((JSON.parse(text) as { value?: unknown }).value);
}
