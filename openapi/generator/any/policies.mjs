// Extensions of this project in a foreign document: those with a value that they cannot have belong to something else, and are left alone.
import { isObject } from '../compile/document.mjs';

const isCount = (from, to) => (value) => Number.isInteger(value) && value >= from && value <= to;
const isName = (value) => typeof value === 'string' && /^[a-z][a-z0-9-]{0,39}$/.test(value);
const isLimit = (one) => isObject(one) && isName(one.class) && isCount(1, 1_000_000)(one.amount) && isCount(1, 86_400)(one['window-seconds'])
  && ['user', 'address', 'account', 'account-address'].includes(one.by) && (one.by === 'account') === ('max-delay-seconds' in one) && isCount(1, 3600)(one['max-delay-seconds'] ?? 1);
const areLimits = (value) => [value].flat().length <= 3 && [value].flat().every(isLimit) && new Set([value].flat().map((one) => one.class)).size === [value].flat().length;
const isCode = (value) => typeof value === 'string' && /^[a-z][a-z0-9_]*$/.test(value);
const isQuota = (one) => isObject(one) && isCode(one.code) && Number.isInteger(one.amount) && typeof one.of === 'string';
const POLICIES = {
  'x-deadline-ms': isCount(1, 30_000), 'x-body-limit': isCount(1, 16_777_216), 'x-body-depth': isCount(1, 256), 'x-event-streams': isCount(1, 1000),
  'x-rate-limit': areLimits, 'x-quotas': (value) => Array.isArray(value) && value.every(isQuota),
  'x-codes': (value) => Array.isArray(value) && value.every(isCode),
  'x-idempotency': (value) => ['optional', 'required'].includes(value), 'x-unknown-parameters': (value) => ['refuse', 'ignore'].includes(value),
  'x-planned': (value) => value === true, 'x-row-errors': () => false, 'x-token-endpoint': () => false, 'x-gateway-cache': () => false, 'x-optional-auth': () => false,
};

const OF_THE_ROOT = {
  'x-problems': (value) => isObject(value) && Object.entries(value).every(([code, one]) => isCode(code) && isCount(400, 599)(one?.status) && typeof one.means === 'string'),
  'x-unknown-parameters': POLICIES['x-unknown-parameters'],
};

/** Removes those of the whole document. */
export function withoutUnknownOfRoot(root) {
  for (const [key, fits] of Object.entries(OF_THE_ROOT)) if (key in root && !fits(root[key])) delete root[key];
}

/** Removes those from an operation. */
export function withoutUnknown(operation) {
  for (const [key, fits] of Object.entries(POLICIES)) if (key in operation && !fits(operation[key])) delete operation[key];
}
