import { assert, type JsonObject } from '../base/index.ts';
import { parseSteps } from './long-json.ts';
import type { LongWork } from './long-work.ts';
import type { SourceItem } from './source.ts';

/** Items that are larger are parsed in pieces where it takes long. */
const LARGE_ITEM_BYTES = 16_384;
/** Bytes that are parsed as fast as one element is looked at. */
const BYTES_LIKE_EFFORT = 2;
/** No place in a text has it. */
const PARSE_SITE = -1;

export function parseItem(item: SourceItem): JsonObject {
  return JSON.parse(item.text.toString('utf8')) as JsonObject;
}

/** The same within an evaluation, which may be put off for it. */
export function parsedItem(item: SourceItem, work: LongWork): JsonObject {
  const { length } = item.text;
  if (length <= LARGE_ITEM_BYTES) return parseItem(item);
  const parsed = work.valueOf(
    PARSE_SITE,
    length / BYTES_LIKE_EFFORT,
    () => parseItem(item),
    () => parseSteps(item.text.toString('utf8')),
  );
  assert(typeof parsed === 'object', 'an item is an object');
  return parsed as JsonObject;
}
