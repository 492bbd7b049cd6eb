// Lists planned operations of documents (`x-planned`), a line for each document that has some.
//
//   node planned.mjs TOOLS DOCUMENT...      TOOLS is the folder whose node_modules has the linter
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [tools, ...documents] = process.argv.slice(2);
// The linter's parser.
const { parseWithPointers } = createRequire(`${tools}/`)('@stoplight/yaml');

for (const file of documents) {
  const { paths } = parseWithPointers(readFileSync(file, 'utf8'), { mergeKeys: true }).data;
  const operations = Object.values(paths ?? {}).flatMap((item) => Object.values(item));
  const planned = operations.filter((one) => one?.['x-planned']).map((one) => one.operationId);
  if (planned.length) console.error(`planned: ${file}: ${planned.join(', ')}`);
}
