// Converts ECMA-262 patterns to the form that all engines read alike (redocly-rules/patterns.js): the same language in another notation.
import { createRequire } from 'node:module';
import { firstMatch } from './matching.mjs';

const { patternFault } = createRequire(import.meta.url)('../../redocly-rules/patterns.js');

const ANY = '(?:[^\\n]|\\n)*';
const SPACE = '\\t-\\r \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff';
const CLASSES = { d: '0-9', w: 'A-Za-z0-9_', s: SPACE };
const SYNTAX = '^$\\.*+?()[]{}|/';
const KEPT = 'tnrfv0';

const hex = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** The pattern in the accepted form, or why it has none: `{pattern}` or `{fault}`. */
export function acceptedPattern(given) {
  if (!patternFault(given) && !given.includes('*/')) return { pattern: given };
  try {
    new RegExp(given);
  } catch {
    return { fault: 'it is no regular expression' };
  }
  try {
    const pattern = anchored(alternatives(given).map(rewritten));
    const fault = patternFault(pattern);
    return fault ? { fault: `it ${fault}` } : { pattern };
  } catch (error) {
    if (error instanceof Unsayable) return { fault: error.message };
    throw error;
  }
}

class Unsayable extends Error {}

// Top-level alternatives; each has anchors of its own.
function alternatives(pattern) {
  const parts = [''];
  let depth = 0;
  let inClass = false;
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at];
    if (char === '\\') {
      parts[parts.length - 1] += char + pattern[at + 1];
      at += 1;
      continue;
    }
    if (inClass) inClass = char !== ']';
    else if (char === '[') inClass = true;
    else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    if (char === '|' && depth === 0 && !inClass) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}

function anchored(parts) {
  const texts = parts.map(({ text, from, to }) => `${from ? '' : ANY}${text}${to ? '' : ANY}`);
  return texts.length === 1 ? `^${texts[0]}$` : `^(?:${texts.join('|')})$`;
}

function rewritten(part) {
  const from = part.startsWith('^');
  const to = /(?:^|[^\\])(?:\\\\)*\$$/.test(part);
  const inner = part.slice(from ? 1 : 0, to ? -1 : undefined);
  let text = '';
  for (let at = 0; at < inner.length;) {
    const [piece, length] = inner[at] === '[' ? classAt(inner, at) : atomAt(inner, at);
    text += piece;
    at += length;
  }
  return { text, from, to };
}

function atomAt(inner, at) {
  const char = inner[at];
  const rest = inner.slice(at);
  if (char === '\\') return escapeAt(inner, at, false);
  if (char === '.') return ['[^\\n\\r\\u2028\\u2029]', 1];
  if (/^\(\?[=!]|^\(\?<[=!]/.test(rest)) throw new Unsayable('it looks ahead or behind');
  const named = /^\(\?<[A-Za-z_$][\w$]*>/.exec(rest);
  if (named) return ['(?:', named[0].length];
  const quantifier = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(rest);
  // A lazy repetition matches the same texts.
  if (quantifier) return [quantifier[0], quantifier[0].length + (rest[quantifier[0].length] === '?' ? 1 : 0)];
  if (char === '^' || char === '$') throw new Unsayable('it has an anchor in the middle');
  if (char === '/') return ['[/]', 1];
  if (char === '{' || char === '}' || char === ']') return [`\\${char}`, 1];
  return [/[\x20-\x7e]/.test(char) ? char : hex(char), 1];
}

function escapeAt(inner, at, inClass) {
  const char = inner[at + 1];
  if (char === undefined) throw new Unsayable('it ends with a backslash');
  if (char in CLASSES) return [inClass ? CLASSES[char] : `[${CLASSES[char]}]`, 2];
  if ('DWS'.includes(char) && !inClass) return [`[^${CLASSES[char.toLowerCase()]}]`, 2];
  if (/[1-9kbBpPDWS]/.test(char)) throw new Unsayable(`it has \\${char}`);
  const code = /^\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2})/.exec(inner.slice(at));
  if (code) return [code[0], code[0].length];
  if (SYNTAX.includes(char) || KEPT.includes(char) || (inClass && char === '-')) return [`\\${char}`, 2];
  return [/[\x20-\x7e]/.test(char) ? char : hex(char), 2];
}

function classAt(inner, at) {
  let text = '[';
  let here = at + 1;
  if (inner[here] === '^') {
    text += '^';
    here += 1;
  }
  for (; here < inner.length && inner[here] !== ']';) {
    const char = inner[here];
    if (char === '\\') {
      const [piece, length] = escapeAt(inner, here, true);
      text += piece;
      here += length;
      continue;
    }
    // Beside a shorthand it is a literal.
    const isLiteral = char === '-' && (inner[here + 1] === ']' || '[^'.includes(inner[here - 1]));
    if (isLiteral || '[&~'.includes(char)) text += `\\${char}`.replace(/\\([&~])/, '$1');
    else text += /[\x20-\x7e]/.test(char) ? char : hex(char);
    here += 1;
  }
  return [`${text}]`, here - at + 1];
}

/** A text that an accepted pattern matches, within the lengths; or nothing, where none is found. */
export function sampleOf(pattern, min = 0, max = 1000) {
  const candidates = ['a', 'A', '1', 'abc', 'ABC', '123', 'Abc1', 'a-b', '2026-01-31', '12:30', '+4915112345678', '555-123-4567', 'user@example.com',
    'https://example.com/', 'abcdefgh', '12345678', '#a0b1c2', '1.0.0', 'en', 'en-US', 'DE', 'EUR', '00000000-0000-4000-8000-000000000000'];
  const made = [1, 2, 3].map((most) => generated(pattern.slice(1, -1), most));
  const repeated = [];
  for (let length = 1; length <= 64; length += 1) repeated.push('a'.repeat(length), 'A'.repeat(length), '1'.repeat(length), `A${'1'.repeat(length)}`, 'a1'.repeat(length));
  const isLong = (text) => typeof text === 'string' && [...text].length >= min && [...text].length <= max;
  // Those with which a pattern may backtrack for very long are the last.
  return [[...candidates, ...made], repeated].map((texts) => texts.filter(isLong)).reduce((found, texts) => found ?? firstMatch(pattern, texts), undefined);
}

// By the grammar: the first alternative, the first character of a class, the fewest repetitions, but at least `least` where there may be more.
function generated(pattern, least) {
  let at = 0;
  const piece = () => {
    const char = pattern[at];
    if (char === '(') {
      at += pattern.startsWith('(?:', at) ? 3 : 1;
      const text = sequence();
      let depth = 1;
      for (; at < pattern.length && depth > 0; at += 1) {
        if (pattern[at] === '\\') at += 1;
        else if (pattern[at] === '(') depth += 1;
        else if (pattern[at] === ')') depth -= 1;
      }
      return text;
    }
    const [source] = /^(?:\[(?:\\.|[^\]\\])*\]|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\.|[^])/i.exec(pattern.slice(at));
    at += source.length;
    const one = new RegExp(`^${source}$`, 'u');
    return [...'aA1x0-_ .@/:+#', ...Array.from({ length: 95 }, (_, code) => String.fromCharCode(code + 32))].find((text) => one.test(text)) ?? '';
  };
  const sequence = () => {
    let text = '';
    while (at < pattern.length && pattern[at] !== ')' && pattern[at] !== '|') {
      const one = piece();
      const [quantifier = '', low, comma] = /^(?:[*+?]|\{(\d+)(,?)(?:\d*)\})/.exec(pattern.slice(at)) ?? [];
      at += quantifier.length;
      const fewest = low !== undefined ? Number(low) : { '': 1, '+': 1 }[quantifier] ?? 0;
      text += one.repeat(comma || ['+', '*'].includes(quantifier) ? Math.max(fewest, least - 1) : fewest);
    }
    return text;
  };
  try {
    return sequence();
  } catch {
    return undefined;
  }
}
