// What a person is told of a document that becomes a service: notes on what was changed, and refusals, which keep anything from being written.

export class Report {
  #source;
  notes = [];
  refusals = [];

  constructor(source) {
    this.#source = source;
  }

  /** Something of the document that reads differently now, said once for each `what` with its places; or with what is called `now` instead of `before`. */
  note(pointer, what, now, before) {
    Report.#add(this.notes, what, { what }, pointer, now && `${before} is ${now}`);
  }

  /** Something that cannot be said: what it is, why, what to do. */
  refuse(pointer, what, why, todo) {
    Report.#add(this.refusals, `${what}|${why}`, { what, why, todo }, pointer);
  }

  static #add(list, key, entry, pointer, now) {
    let known = list.find((one) => one.key === key);
    if (!known) list.push(known = { key, ...entry, pointers: [], renamed: new Map() });
    if (!known.pointers.includes(pointer)) known.pointers.push(pointer);
    if (now) known.renamed.set(pointer, now);
  }

  #places({ pointers, renamed }, most) {
    const shown = pointers.slice(0, renamed.size ? pointers.length : most).map((pointer) => {
      if (renamed.has(pointer)) return renamed.get(pointer);
      const line = this.#source.line(pointer);
      return line ? `${pointer} (line ${line})` : pointer;
    });
    if (renamed.size) return shown;
    return [...shown, ...(pointers.length > most ? [`and ${pointers.length - most} more`] : [])];
  }

  /** The operations that something refused is part of, as `--without` takes them: `operations` have `pointer`, `name` and the pointers that they reach. */
  without(operations) {
    const isWithin = (pointer, whole) => pointer === whole || pointer.startsWith(`${whole}/`);
    const pointers = this.refusals.filter(({ todo }) => todo.includes('--without OPERATION')).flatMap((one) => one.pointers);
    const concerned = operations.filter((one) => pointers.some((pointer) => isWithin(pointer, one.pointer) || one.reached.some((whole) => isWithin(pointer, whole))));
    return concerned.map(({ name }) => `--without ${/\s/.test(name) ? `'${name}'` : name}`);
  }

  noteLines() {
    return this.notes.map((one) => `  - ${one.what}: ${this.#places(one, 3).join(', ')}`);
  }

  refusalLines() {
    return this.refusals.flatMap((one) => [
      ...this.#places(one, 20).map((place) => `  ${place}`), `      ${one.what}: ${one.why}.`, `      ${one.todo}.`]);
  }
}
