// What became of the addresses that a document, or one operation of it, is served at.

// Without any, OpenAPI says, it is where the document was read from.
const urls = (servers) => (servers?.length ? servers.map((one) => one.url) : ['/']);

/** `report(breaking, place, text)` is told of every difference between two lists of servers. */
export function compareServers(place, before, after, report) {
  const [was, is] = [urls(before), urls(after)];
  for (const url of was.filter((one) => !is.includes(one))) report(true, place, `is no longer served at \`${url}\``);
  for (const url of is.filter((one) => !was.includes(one))) report(false, place, `is served at \`${url}\``);
  // Clients take the first one unless they are told.
  if (was[0] !== is[0] && is.includes(was[0])) report(true, place, `is served at \`${is[0]}\` first, was at \`${was[0]}\``);
}
