// Writes what the TypeScript scenario imports: where each service is, and the scenarios that were copied into a folder.
//
//   node services.mjs FOLDER > FOLDER/services.ts
import { existsSync, readFileSync } from 'node:fs';

const [folder] = process.argv.slice(2);
const services = JSON.parse(readFileSync(new URL('../../../generated/services.json', import.meta.url), 'utf8')).map(({ name }) => {
  const words = name.replaceAll('-', '_');
  return { member: name.replace(/-(.)/g, (_, letter) => letter.toUpperCase()), variable: `${words.toUpperCase()}_BASE`, file: `${words}_scenario` };
});
const told = services.filter(({ file }) => existsSync(`${folder}/${file}.ts`));

process.stdout.write(`import type { Given } from './support.js';
${told.map(({ member, file }) => `import ${member} from './${file}.js';\n`).join('')}
function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(\`\${name} is not set\`);
  return value;
}

export const addresses = {
${services.map(({ member, variable }) => `  ${member}: setting('${variable}'),\n`).join('')}};

export const scenarios: Record<string, (given: Given) => Promise<void>> = {
${told.map(({ member }) => `  ${member},\n`).join('')}};
`);
