// Runtime expressions of callbacks (OpenAPI, "Runtime Expressions"): where the URL is in the request that asked for it, or in its response.
import { decoded } from './document.mjs';
import { snake } from './rust.mjs';

const EXPRESSION = /^\$(?:(url|method|statusCode)|(request|response)\.(?:(header|query|path)\.(.+)|body(?:#(|\/.*))?))$/s;

/**
 * The parts of a URL one after the other: `{text}`, or `{from, place, name, argument}`: `name` is that of a parameter, or a JSON pointer into the body.
 * Nothing where it has something else.
 */
export function callbackParts(expression) {
  const parts = expression.startsWith('$') ? [valueOf(expression)] : expression.split(/\{([^{}]*)\}/).map((text, index) => (index % 2 === 0 ? { text } : valueOf(text)));
  if (!parts.every(Boolean) || parts.some(({ text }) => /[{}]/.test(text ?? ''))) return undefined;
  return parts.filter(({ text }) => text !== '');
}

function valueOf(expression) {
  const [, whole, from, place, name, pointer = ''] = EXPRESSION.exec(expression) ?? [];
  if (whole === 'statusCode') return { from: 'response', place: 'path', name: whole, argument: 'response_status' };
  if (whole) return { from: 'request', place: 'path', name: whole, argument: `request_${whole}` };
  if (place && (from === 'request' || place === 'header')) return { from, place, name, argument: `${from}_${place}_${snake(name)}` };
  return from && !place ? { from, place: 'body', name: decoded(pointer), argument: `${from}_body` } : undefined;
}
