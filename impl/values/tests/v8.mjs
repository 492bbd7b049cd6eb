// Writes v8.json: random patterns and texts, and whether V8 finds them; the tests of patterns compare with it.
//
//   node impl/values/tests/v8.mjs > impl/values/tests/v8.json
const LEAVES = ['a', 'b', 'c', '.', '[ab]', '[^a]', '\\w', '\\s', '\\d', ' ', '\\n', '[^]', '[]', 'é', '\\uD83D\\uDE00', '[\\w\\-]', '^', '$', '\\b', '\\B', '\\1', '\\2', '\\k<n>'];
const TIMES = ['*', '+', '?', '{2}', '{1,2}', '{0,2}?', '{2,}', '*?', '+?', '??'];
const LOOKS = ['?=', '?!', '?<=', '?<!'];
// Without pairs of surrogates: V8 also begins to look between the two.
const CHARS = ['a', 'b', 'c', 'é', '\n', ' ', '_', '1'];

// mulberry32: the same cases wherever this runs.
let seed = 13;
function random(below) {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
}
const one = (list) => list[random(list.length)];
const some = (most, make) => Array.from({ length: 1 + random(most) }, make);

function part(depth) {
  const inner = () => part(depth - 1);
  switch (depth === 0 ? 0 : random(8)) {
    case 1: case 2: return some(3, inner).join('');
    case 3: return `(?:${some(3, inner).join('|')})`;
    case 4: case 5: return `(?:${inner()})${one(TIMES)}`;
    case 6: return `(${inner()})`;
    case 7: return `(${one(LOOKS)}${inner()})`;
    default: return one(LEAVES);
  }
}

const cases = Array.from({ length: 3000 }, () => {
  // Whatever refers to a group finds one.
  const source = one([`(?<n>b?)(c|)${part(4)}$`, `${part(4)}(?<n>b?)(c|)`, `^${part(4)}(?<n>b?)(c|)`, `(a)(?<n>b?)?${part(4)}`]);
  const text = some(6, () => one(CHARS)).join('');
  return [source, text, new RegExp(source, 'u').test(text)];
});
console.log(`[\n${cases.map((one) => JSON.stringify(one)).join(',\n')}\n]`);
