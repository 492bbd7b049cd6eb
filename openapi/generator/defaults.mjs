// Defaults of operations: openapi/defaults.json, for everything that is generated or compared.
import { readFileSync } from 'node:fs';

const said = JSON.parse(readFileSync(new URL('../defaults.json', import.meta.url), 'utf8'));

export const DEADLINE_MS = said.deadline_ms;
/** Bytes. */
export const BODY_LIMIT = said.body_limit;
