// YAML as people write it: what fits into a line is on one, the rest is indented.
const WIDTH = 110;
const PLAIN = /^[A-Za-z/][\w./-]*$/;
// Words that YAML 1.1 takes for something else.
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

const isObject = (value) => typeof value === 'object' && value !== null;
const scalar = (value) => (typeof value !== 'string' || (PLAIN.test(value) && !WORDS.test(value)) ? String(value) : `'${value.replaceAll("'", "''")}'`);

function flow(value) {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (isObject(value)) return `{${Object.entries(value).map(([key, item]) => `${key}: ${flow(item)}`).join(', ')}}`;
  return scalar(value);
}

const isText = (value) => typeof value === 'string' && value.includes('\n');
const isShort = (value) => !isText(value) && (!isObject(value) || (flow(value).length <= WIDTH && !/\n/.test(flow(value))));
const indented = (lines) => lines.map((line) => `  ${line}`);

function lines(value) {
  if (isText(value)) return ['|', ...indented(value.trimEnd().split('\n'))];
  if (isShort(value)) return [flow(value)];
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const [first, ...rest] = lines(item);
      return [`- ${first}`, ...indented(rest)];
    });
  }
  return Object.entries(value).flatMap(([key, item]) => {
    const [first, ...rest] = lines(item);
    if (isShort(item) || isText(item)) return [`${key}: ${first}`, ...rest];
    return [`${key}:`, ...indented([first, ...rest])];
  });
}

/** One document. */
export const yaml = (value) => Object.entries(value).flatMap(([key, item]) => (isShort({ [key]: item }) ? [`${key}: ${flow(item)}`] : lines({ [key]: item }))).map((line) => `${line}\n`).join('');
