// Lists planned operations of documents (`x-planned`), a line for each document that has some.
//
//   node planned.mjs TOOLS DOCUMENT...      TOOLS is the folder whose node_modules has the linter
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { operationsIn } from './published.mjs';

const [tools, ...documents] = process.argv.slice(2);
// The linter's parser.
const { parseWithPointers } = createRequire(`${tools}/`)('@stoplight/yaml');

for (const file of documents) {
  const document = parseWithPointers(readFileSync(file, 'utf8'), { mergeKeys: true }).data;
  // Documents that were written elsewhere need not name their operations.
  const planned = operationsIn(document).filter(({ operation }) => operation['x-planned'] === true)
    .map(({ operation, method, path }) => operation.operationId ?? `${method.toUpperCase()} ${path}`);
  if (planned.length) console.error(`planned: ${file}: ${planned.join(', ')}`);
}
