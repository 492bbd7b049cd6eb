// Matches texts against foreign patterns: some make JavaScript's engine backtrack for a very long time.
import { createContext, runInContext } from 'node:vm';

const PATIENCE = 250;
const context = createContext({});

/** The first of the texts that the pattern matches; or nothing, also when the timeout passes. */
export function firstMatch(pattern, texts) {
  Object.assign(context, { pattern, texts });
  try {
    return runInContext('{ const expression = new RegExp(pattern, "u"); texts.find((text) => expression.test(text)); }', context, { timeout: PATIENCE });
  } catch (error) {
    if (error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined;
    throw error;
  }
}
