// Extensions of this project in a foreign document: those with a value that they cannot have belong to something else, and are left alone.
import { isObject } from '../compile/document.mjs';

const isCount = (from, to) => (value) => Number.isInteger(value) && value >= from && value <= to;
const isLimit = (one) => isObject(one) && typeof one.class === 'string' && Number.isInteger(one.amount) && Number.isInteger(one['window-seconds'])
  && ['user', 'address', 'account', 'account-address'].includes(one.by);
const isQuota = (one) => isObject(one) && typeof one.code === 'string' && Number.isInteger(one.amount) && typeof one.of === 'string';
const POLICIES = {
  'x-deadline-ms': isCount(1, 30_000), 'x-body-limit': isCount(1, 16_777_216), 'x-event-streams': isCount(1, 1000),
  'x-rate-limit': (value) => [value].flat().every(isLimit), 'x-quotas': (value) => Array.isArray(value) && value.every(isQuota),
  'x-codes': (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  'x-idempotency': (value) => ['optional', 'required'].includes(value), 'x-unknown-parameters': (value) => ['refuse', 'ignore'].includes(value),
  'x-planned': (value) => value === true, 'x-row-errors': () => false, 'x-token-endpoint': () => false, 'x-gateway-cache': () => false, 'x-optional-auth': () => false,
};

/** Removes those from an operation. */
export function withoutUnknown(operation) {
  for (const [key, fits] of Object.entries(POLICIES)) if (key in operation && !fits(operation[key])) delete operation[key];
}
