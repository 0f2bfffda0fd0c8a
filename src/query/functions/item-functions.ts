import { isJsonObject } from '../../base/index.ts';
import { parseRid } from '../../resource/index.ts';
import type { Value } from '../values.ts';
import { type FunctionFamily, pure } from './built-in-function.ts';

function documentId(item: Value): Value {
  if (!isJsonObject(item) || typeof item._rid !== 'string') return undefined;
  const rid = parseRid(item._rid);
  return rid?.kind === 'document' ? rid.number : undefined;
}

export const ITEM_FUNCTIONS: FunctionFamily = {
  title: 'Items',
  functions: [
    pure('DOCUMENTID(item)', 'the number that an item has within its physical partition', documentId),
  ],
};
