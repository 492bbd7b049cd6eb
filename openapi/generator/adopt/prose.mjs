// Normalizes descriptions for documents, comments of generated code and pages.

// Control characters, and those that change the text direction: compilers reject them in comments.
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Without invisible characters, and without scripts. */
export function prose(text) {
  if (typeof text !== 'string') return '';
  return text.replace(/\t/g, ' ').replace(UNSEEN, '').replace(/<\/?script\b/gi, '').replace(/\beval\(/g, 'eval (').replace(/\*\//g, '* /').replace(/[ ]+$/gm, '').trim();
}

/** In one line, with a maximum length. */
export function line(text, most = 120) {
  const flat = prose(text).replace(/\s+/g, ' ');
  return flat.length <= most ? flat : `${flat.slice(0, most - 1).replace(/\s\S*$/, '')}…`;
}

/** The description of a node, where it has one. */
export const described = ({ description }) => (prose(description) ? { description: prose(description) } : {});
