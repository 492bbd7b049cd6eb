// Text for people, as it can stand in a document, in comments of generated code and on a page.

// Control characters, and those that turn the direction of what follows: compilers refuse them in comments.
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Without what no reader sees, and without scripts. */
export function prose(text) {
  if (typeof text !== 'string') return '';
  return text.replace(/\t/g, ' ').replace(UNSEEN, '').replace(/<\/?script\b/gi, '').replace(/\beval\(/g, 'eval (').replace(/\*\//g, '* /').replace(/[ ]+$/gm, '').trim();
}

/** In one line, of at most so many characters. */
export function line(text, most = 120) {
  const flat = prose(text).replace(/\s+/g, ' ');
  return flat.length <= most ? flat : `${flat.slice(0, most - 1).replace(/\s\S*$/, '')}…`;
}

/** The description of something, where it has one. */
export const described = ({ description }) => (prose(description) ? { description: prose(description) } : {});
