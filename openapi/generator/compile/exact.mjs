// JSON whose numbers keep their digits: JavaScript rounds what a double does not hold.

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const DIGITS_OF_A_DOUBLE = 15;
const digits = (text) => text.replace(/e.*$/i, '').replace(/\D|^-?0+(?=\d)/g, '').replace(/^0+|0+$/g, '').length;

/** As JSON.parse; a number that a double rounds is `{rawJSON: text}`. */
export function parse(text) {
  return JSON.parse(text.replace(TOKENS, (token) => {
    if (token.startsWith('"')) return token;
    const isExact = digits(token) <= DIGITS_OF_A_DOUBLE && Number.isFinite(Number(token)) && !(Number(token) === 0 && /[1-9]/.test(token.replace(/e.*$/i, '')));
    return isExact || String(Number(token)) === token ? token : `{"rawJSON":"${token}"}`;
  }));
}

/** As JSON.stringify, with such numbers written as they were. */
export const stringify = (value, space) => JSON.stringify(value, null, space).replace(/\{\s*"rawJSON":\s*"([^"]*)"\s*\}/g, '$1');

/** Whether it is such a number. */
export const isRaw = (value) => value !== null && typeof value === 'object' && typeof value.rawJSON === 'string' && Object.keys(value).length === 1;
