import { DatabaseError } from '../../errors/index.ts';
import type { HttpRequest } from '../../runtime/index.ts';

export function methodNotAllowed(request: HttpRequest): DatabaseError {
  return new DatabaseError(
    'MethodNotAllowed',
    `The requested verb '${request.method}' is not supported on this resource.`,
  );
}
