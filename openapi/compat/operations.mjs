// What became of the operations between two bundled documents: a list of {breaking, text}, without repetitions.
import { Schemas, resolve } from './schemas.mjs';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

export function compareDocuments(before, after) {
  const changes = new Map();
  const report = (breaking, place, text) => changes.set(`${place} ${text}`, breaking || (changes.get(`${place} ${text}`) ?? false));
  const schemas = new Schemas(before, after, report);
  for (const [path, method, place] of operations(before)) {
    if (!after.paths[path]?.[method]) report(true, place, 'is gone');
  }
  for (const [path, method, place] of operations(after)) {
    const was = before.paths[path]?.[method];
    if (!was) {
      report(false, place, `is new: ${after.paths[path][method].summary ?? 'no summary'}`);
      continue;
    }
    new Operation(before, after, place, schemas, report).compare(before.paths[path], was, after.paths[path], after.paths[path][method]);
  }
  return [...changes].map(([text, breaking]) => ({ breaking, text }));
}

function* operations(document) {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS.filter((one) => item[one])) yield [path, method, `\`${method.toUpperCase()} ${path}\``];
  }
}

class Operation {
  constructor(before, after, place, schemas, report) {
    Object.assign(this, { before, after, place, schemas, report });
  }

  compare(wasItem, was, isItem, is) {
    const tell = (breaking, text) => this.report(breaking, this.place, text);
    // Clients are generated: they call operations by these names.
    if (was.operationId !== is.operationId) tell(true, `is called \`${is.operationId}\`, no longer \`${was.operationId}\``);
    if (was.tags?.[0] !== is.tags?.[0]) tell(true, `belongs to \`${is.tags?.[0]}\`, no longer to \`${was.tags?.[0]}\``);
    if (!was.deprecated && is.deprecated) tell(false, 'is deprecated');
    this.security(tell, was.security ?? this.before.security ?? [], is.security ?? this.after.security ?? []);
    this.policies(tell, was, is);
    const parameters = (document, item, operation) =>
      new Map(
        [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((one) => {
          const found = resolve(document, one);
          return [`${found.in} ${found.name}`, found];
        }),
      );
    this.parameters(parameters(this.before, wasItem, was), parameters(this.after, isItem, is));
    this.body(tell, resolve(this.before, was.requestBody), resolve(this.after, is.requestBody));
    this.responses(tell, was.responses, is.responses);
  }

  // Whoever was let in must be let in: for each old choice there is a new one that demands no more.
  security(tell, was, is) {
    const demands = (choices) =>
      choices.length === 0 ? [[]] : choices.map((choice) => Object.entries(choice).flatMap(([name, scopes]) => [name, ...scopes]));
    const [old, current] = [demands(was), demands(is)];
    const text = (choices) => choices.map((one) => one.slice(1).join(' and ') || one[0] || 'nobody in particular').join(' or ');
    if (JSON.stringify(old) === JSON.stringify(current)) return;
    const letIn = old.every((choice) => current.some((one) => one.every((demand) => choice.includes(demand))));
    tell(!letIn, `is for ${text(current)}, was for ${text(old)}`);
  }

  policies(tell, was, is) {
    const policy = (name, breaking, text = (value) => value ?? 'none') => {
      const [old, current] = [was[name], is[name]];
      if (JSON.stringify(old) === JSON.stringify(current)) return;
      tell(breaking(old, current), `\`${name}\` ${text(old)} became ${text(current)}`);
    };
    const rates = (value) =>
      [value ?? []].flat().map((one) => `${one.amount} in ${one['window-seconds']} s by ${one.by}`).join(' and ') || 'none';
    policy('x-body-limit', (old, current) => old !== undefined && (current === undefined || current < old));
    policy('x-idempotency', (old) => old !== undefined);
    policy('x-row-errors', () => true);
    // Load may have to be refused at any time; 429 and 504 are declared everywhere.
    policy('x-rate-limit', () => false, rates);
    policy('x-deadline-ms', () => false);
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
      if ((old.explode ?? true) !== (current.explode ?? true) || old.style !== current.style) this.report(true, place, 'is written in another way');
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
      else if (was[type].schema && is[type].schema) this.schemas.compare(direction, `${this.place}: ${what}`, was[type].schema, is[type].schema);
    }
    for (const type of Object.keys(is).filter((one) => !was[one])) {
      this.report(direction === 'answer', `${this.place}: ${what}`, `may be ${type}`);
    }
  }
}
