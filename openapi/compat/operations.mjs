// What became of an operation between two bundled documents.
import { BODY_LIMIT } from '../generator/defaults.mjs';
import { resolve } from './schemas.mjs';
import { compareServers } from './servers.mjs';

// Every token holds this scope (Principal::has_scope in impl/platform): to demand it is to demand a token.
const EVERY_TOKENS_SCOPE = 'user';
const STYLES = { path: 'simple', header: 'simple', query: 'form', cookie: 'form' };

/** How the values of a parameter are written, with what OpenAPI says where the document is silent. */
function writtenAs({ in: place, style = STYLES[place], explode = style === 'form' }) {
  return `${style}, explode ${explode}`;
}

/** By place and name; those of a path by their order, which is what an address tells. */
function parameters(document, { path, item, operation }) {
  const names = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name);
  const all = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((one) => resolve(document, one));
  return new Map(all.map((one) => [`${one.in} ${one.in === 'path' ? names.indexOf(one.name) : one.name}`, one]));
}

export class Operation {
  constructor(before, after, place, schemas, report) {
    Object.assign(this, { before, after, place, schemas, report });
  }

  /** Each side is `{path, item, operation}`. */
  compare(before, after) {
    const [was, is] = [before.operation, after.operation];
    const tell = (breaking, text) => this.report(breaking, this.place, text);
    // Clients are generated: they call operations by these names.
    if (was.operationId !== is.operationId) tell(true, `is called \`${is.operationId}\`, no longer \`${was.operationId}\``);
    if (was.tags?.[0] !== is.tags?.[0]) tell(true, `belongs to \`${is.tags?.[0]}\`, no longer to \`${was.tags?.[0]}\``);
    if (!was.deprecated && is.deprecated) tell(false, 'is deprecated');
    this.servers(before, after);
    this.security(tell, was.security ?? this.before.security ?? [], is.security ?? this.after.security ?? []);
    this.policies(tell, was, is);
    this.parameters(parameters(this.before, before), parameters(this.after, after));
    this.body(tell, resolve(this.before, was.requestBody), resolve(this.after, is.requestBody));
    this.responses(tell, was.responses, is.responses);
  }

  servers(before, after) {
    const [was, is] = [before, after].map((one) => one.operation.servers ?? one.item.servers);
    if (was || is) compareServers(this.place, was ?? this.before.servers, is ?? this.after.servers, this.report);
  }

  // Whoever was let in must be let in: for each old choice there is a new one that demands no more.
  security(tell, was, is) {
    const demands = (choices) =>
      choices.length === 0 ? [[]] : choices.map((choice) => Object.entries(choice).flatMap(([name, scopes]) => [name, ...scopes]));
    const [old, current] = [demands(was), demands(is)];
    if (JSON.stringify(old) === JSON.stringify(current)) return;
    const meets = (choice, demand) => choice.includes(demand) || demand === EVERY_TOKENS_SCOPE;
    const letIn = old.every((choice) => current.some((one) => one.every((demand) => meets(choice, demand))));
    const scopes = (choices) => choices.map((one) => one.slice(1).join(' and ') || one[0] || 'nobody in particular').join(' or ');
    const schemes = (choices) => choices.map((one) => one[0] ?? 'nothing').join(' or ');
    if (scopes(old) !== scopes(current)) tell(!letIn, `is for ${scopes(current)}, was for ${scopes(old)}`);
    else tell(!letIn, `asks for ${schemes(current)}, asked for ${schemes(old)}`);
  }

  policies(tell, was, is) {
    const policy = (name, breaking, text = (value) => value ?? 'none') => {
      const [old, current] = [was[name], is[name]];
      if (JSON.stringify(old) === JSON.stringify(current)) return;
      tell(breaking(old, current), `\`${name}\` ${text(old)} became ${text(current)}`);
    };
    const rates = (value) =>
      [value ?? []].flat().map((one) => `${one.amount} in ${one['window-seconds']} s by ${one.by}${one['max-delay-seconds'] ? `, then delays of up to ${one['max-delay-seconds']} s` : ''}`).join(' and ') || 'none';
    const limits = [was, is].map((one) => one['x-body-limit'] ?? BODY_LIMIT);
    if (was.requestBody && limits[0] !== limits[1]) tell(limits[1] < limits[0], `\`x-body-limit\` ${limits.join(' became ')}`);
    policy('x-idempotency', (old) => old !== undefined);
    policy('x-row-errors', () => true);
    // Load may have to be refused at any time; 429 and 504 are declared everywhere.
    policy('x-rate-limit', () => false, rates);
    const stored = (value) => (value ?? []).map((one) => `${one.amount} ${one.of}`).join(' and ') || 'none';
    policy('x-quotas', () => false, stored);
    policy('x-event-streams', () => false);
    policy('x-deadline-ms', () => false);
    // Where it differs from what the document says of all.
    policy('x-unknown-parameters', (_, current) => current === 'refuse');
    // How old an answer may be is said in words.
    policy('x-gateway-cache', () => false, (value) => (value ? `${value.milliseconds} ms` : 'none'));
  }

  parameters(was, is) {
    for (const [key, old] of was) {
      const place = `${this.place}: parameter \`${old.name}\``;
      const current = is.get(key);
      if (!current) {
        this.report(true, place, 'is gone');
        continue;
      }
      if (!old.required && current.required) this.report(true, place, 'is required');
      if (old.required && !current.required) this.report(false, place, 'may be absent');
      // Clients name what they pass, even where an address does not tell.
      if (old.name !== current.name) this.report(true, place, `is called \`${current.name}\``);
      if (writtenAs(old) !== writtenAs(current)) this.report(true, place, 'is written in another way');
      this.schemas.compare('request', place, old.schema, current.schema);
    }
    for (const [key, current] of is) {
      if (was.has(key)) continue;
      this.report(Boolean(current.required), `${this.place}: parameter \`${current.name}\``, current.required ? 'is new and required' : 'is new');
    }
  }

  body(tell, was, is) {
    if (was && !is) return tell(true, 'takes no body any more');
    if (!was && is) return tell(Boolean(is.required), 'takes a body');
    if (!was) return;
    if (!was.required && is.required) tell(true, 'needs a body');
    this.media('request', 'the body', was.content, is.content);
  }

  responses(tell, was, is) {
    for (const status of Object.keys(was)) {
      if (!is[status]) {
        tell(true, `no longer answers ${status}`);
        continue;
      }
      const [old, current] = [resolve(this.before, was[status]), resolve(this.after, is[status])];
      this.headers(status, old.headers ?? {}, current.headers ?? {});
      this.media('answer', status, old.content ?? {}, current.content ?? {});
    }
    for (const status of Object.keys(is).filter((one) => !was[one])) {
      // What is refused may be refused for one more reason; success in a form nobody knows is another matter.
      tell(status.startsWith('2'), `may answer ${status}`);
    }
  }

  headers(status, was, is) {
    for (const [name, reference] of Object.entries(was)) {
      const place = `${this.place}: ${status} header \`${name}\``;
      if (!is[name]) {
        this.report(true, place, 'is gone');
        continue;
      }
      const [old, current] = [resolve(this.before, reference), resolve(this.after, is[name])];
      if (old.required && !current.required) this.report(true, place, 'may be absent');
      this.schemas.compare('answer', place, old.schema, current.schema);
    }
    for (const name of Object.keys(is).filter((one) => !was[one])) {
      this.report(false, `${this.place}: ${status} header \`${name}\``, 'is new');
    }
  }

  media(direction, what, was, is) {
    for (const type of Object.keys(was)) {
      if (!is[type]) this.report(true, `${this.place}: ${what}`, `is no longer ${type}`);
      else {
        if (was[type].schema && is[type].schema) this.schemas.compare(direction, `${this.place}: ${what}`, was[type].schema, is[type].schema);
        this.events(direction, `${this.place}: ${what} event`, was[type]['x-event-data'], is[type]['x-event-data']);
      }
    }
    for (const type of Object.keys(is).filter((one) => !was[one])) {
      this.report(direction === 'answer', `${this.place}: ${what}`, `may be ${type}`);
    }
  }

  events(direction, place, was, is) {
    if (was && is) this.schemas.compare(direction, place, was, is);
    else if (was) this.report(true, place, 'may hold anything');
    else if (is) this.report(false, place, 'says what it holds');
  }
}
