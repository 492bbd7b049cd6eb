// The changelog: the section of what is not released yet is written anew each time, those below it are left alone.

const HEAD = `# Changelog of the API

What changed in the documents for those who use the services. The section of what is not released yet is written by
\`./codegen.sh compat\`.
`;
const NEXT = 'Not released';

function section(heading, changes) {
  const lines = (wanted) => changes.filter((one) => one.breaking === wanted).map((one) => `- ${one.services.join(', ')}: ${one.text}`);
  const part = (title, entries) => (entries.length ? [`### ${title}`, '', ...entries, ''] : []);
  return [`## ${heading}`, '', ...part('Breaking', lines(true)), ...part('Changes', lines(false))].join('\n');
}

/** The text with this as what is not released, or without such a section when there are no changes. */
export function update(text, changes) {
  const current = text || HEAD;
  const released = current.slice(HEAD.length).replace(/^\s*## Not released\n[\s\S]*?(?=^## |(?![\s\S]))/m, '');
  const news = changes.length ? `\n${section(NEXT, changes)}` : '';
  return `${HEAD}${news}${released.trim() ? `\n${released.trim()}\n` : ''}`;
}

/** The text with these changes as released on a day. */
export function release(text, version, changes, day) {
  const without = update(text, []);
  const nothing = without === HEAD ? 'The first release.' : 'Nothing changed for clients.';
  const body = changes.length ? section(`${version}, ${day}`, changes) : `## ${version}, ${day}\n\n${nothing}\n`;
  return `${HEAD}\n${body.trim()}\n${without.slice(HEAD.length)}`;
}
