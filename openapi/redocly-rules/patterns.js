// Patterns are read by three engines: Rust's regex in the server, Python's and JavaScript's in clients and tests.
// Patterns that they read differently, or that one of them cannot read, are rejected.
const SHORTHANDS = 'dDwWsSbBpPAzZGXhRkuN';

/** Why a pattern is rejected, or nothing. */
function patternFault(pattern) {
  if (!pattern.startsWith('^') || !pattern.endsWith('$') || pattern.endsWith('\\$')) {
    return 'must be anchored by ^ and $';
  }
  try {
    new RegExp(pattern, 'u');
  } catch {
    return 'is not a regular expression';
  }
  // They are invisible, and cannot be part of headers in which tools report a pattern.
  if (/[^\x20-\x7e]/.test(pattern)) return 'has characters outside of ASCII; write \\uXXXX';
  let inClass = false;
  let depth = 0;
  for (let at = 1; at < pattern.length - 1; at += 1) {
    const char = pattern[at];
    const rest = pattern.slice(at);
    if (char === '\\') {
      const escaped = pattern[at + 1];
      if (/[1-9]/.test(escaped)) return 'has a back reference';
      const isCode = /^\\u[0-9a-f]{4}/i.test(rest);
      if (SHORTHANDS.includes(escaped) && !isCode) return `has \\${escaped}, which engines read differently; list the characters`;
      at += 1;
    } else if (inClass) {
      if (char === ']') inClass = false;
      else if (char === '[' || /^(&&|--|~~)/.test(rest)) return 'has a set operation in a class; escape the character';
    } else if (char === '[') {
      inClass = true;
      if (pattern[at + 1] === '^') at += 1;
      if (pattern[at + 1] === ']') return 'has an empty class';
    } else if (rest.startsWith('(?') && !rest.startsWith('(?:')) {
      return 'has a look-around, a named group or a flag';
    } else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (char === '|' && depth === 0) return 'has an alternative outside parentheses, which the anchors do not span';
    else if (char === '.') return 'has a dot, which engines read differently; write [^\\n] or [^\\x00]';
    else if (char === '^' || char === '$') return 'has an anchor in the middle';
    else if (/^[*+?}][+?]/.test(rest)) return 'has a lazy or possessive repetition';
  }
  return undefined;
}

module.exports = { patternFault };
