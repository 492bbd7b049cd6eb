// Texts against patterns that somebody else wrote: some take JavaScript's engine, which tries every way, longer than anybody waits.
import { createContext, runInContext } from 'node:vm';

const PATIENCE = 250;
const context = createContext({});

/** The first of the texts that the pattern matches; or nothing, also where that is not found out in time. */
export function firstMatch(pattern, texts) {
  Object.assign(context, { pattern, texts });
  try {
    return runInContext('{ const expression = new RegExp(pattern, "u"); texts.find((text) => expression.test(text)); }', context, { timeout: PATIENCE });
  } catch (error) {
    if (error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined;
    throw error;
  }
}
