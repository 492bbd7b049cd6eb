// The report on a foreign document: notes on what was changed, and rejections, which prevent that anything is written.

/** What to do about a part that cannot be served. */
export const LEAVE = 'Write it otherwise, or leave the operations out: --without OPERATION';
export const MEND = 'Mend the document';

export class Report {
  #source;
  notes = [];
  refusals = [];

  constructor(source) {
    this.#source = source;
  }

  /** A change of meaning, reported once for each `what` with its locations; or with its `now` name instead of the one `before`. */
  note(pointer, what, now, before) {
    Report.#add(this.notes, what, { what }, pointer, now && `${before} is ${now}`);
  }

  /** An unsupported part: what it is, why, what to do. */
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

  /** The operations that a rejected part belongs to, as arguments of `--without`: `operations` have `pointer`, `name` and the pointers that they use. */
  without(operations) {
    const isWithin = (pointer, whole) => pointer === whole || pointer.startsWith(`${whole}/`);
    const pointers = this.refusals.flatMap((one) => one.pointers);
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
