// Defaults of operations: openapi/defaults.json, for everything that is generated or compared.
import { readFileSync } from 'node:fs';

const said = JSON.parse(readFileSync(new URL('../defaults.json', import.meta.url), 'utf8'));

export const DEADLINE_MS = said.deadline_ms;
/** Bytes. */
export const BODY_LIMIT = said.body_limit;
/** Of documents that were written elsewhere: bytes of a body, open event streams of a client. */
export const FOREIGN = { bodyLimit: said.any.body_limit, eventStreams: said.any.event_streams };
/** Whether a document was written elsewhere, and is taken as it is. */
export const isForeign = (root) => root['x-service']?.lint === 'any';
/** The name of an operation in code, metrics and logs. */
export const nameOf = (operation) => operation['x-operation-name'] ?? operation.operationId;
