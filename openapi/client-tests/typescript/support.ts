// What scenarios of clients have in common. `services.ts` beside this file is written by ../run, from the list of services.
import assert from 'node:assert/strict';
import { Client, ProblemError } from 'schema-first-client';
import { addresses } from './services.js';

/** What the scenario of a service works with. */
export interface Given {
  /** Signed in as somebody who is new. */
  client: Client;
  /** Signed in as a superuser. */
  admin: Client;
  /** Makes names of this run different from those of others. */
  run: string;
}

export const connect = () => new Client(addresses);

/** The problem that a request was refused with. */
export async function refused(request: Promise<unknown>): Promise<ProblemError> {
  const error = await request.then(() => undefined, (reason: unknown) => reason);
  assert(error instanceof ProblemError, `refused by ${error}`);
  return error;
}
