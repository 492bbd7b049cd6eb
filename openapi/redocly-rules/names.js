// `x-text: name` is one line of text for people. Readers that do not know the extension see its rule as the
// `pattern` of the published document, which is generated here; a test of the runtime compares the two.

// Ignored around a name: spaces of all widths, and characters of no width. Without the selectors and joiners that
// end an emoji.
const BLANK = String.raw` \u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufeff\uffa0`;
// White space that is a control character.
const CONTROL_BLANK = String.raw`\t-\r\x1C-\x1F\x85`;
// Control characters and line breaks.
const CONTROL = String.raw`\x00-\x1F\x7F-\x9F\u2028\u2029`;
// Not characters by themselves: they select the appearance of the character before them.
const SELECTOR = String.raw`\ufe00-\ufe0f`;

/** The pattern of a name with a minimum length. */
function namePattern(min) {
  const [before, after] = [`[${BLANK}${CONTROL_BLANK}${SELECTOR}]*`, `[${BLANK}${CONTROL_BLANK}]*`];
  const [first, within, last] = [`[^${CONTROL}${BLANK}${SELECTOR}]`, `[^${CONTROL}]`, `[^${CONTROL}${BLANK}]`];
  if (min > 1) return `^${before}${first}${within}{${min - 2},}${last}${after}$`;
  const some = `${first}(?:${within}*${last})?${after}`;
  return min ? `^${before}${some}$` : `^${before}(?:${some})?$`;
}

module.exports = { namePattern };
