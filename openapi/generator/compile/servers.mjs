// The path of a server, which is part of every path below it.

/** Of the first of the servers, with the defaults of its variables: `/v1`, or nothing. */
export function pathOf(servers) {
  const [{ url = '', variables = {} } = {}] = Array.isArray(servers) ? servers : [];
  const filled = String(url).replace(/\{([^}]*)\}/g, (_, name) => variables[name]?.default ?? name);
  return filled.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*|^\/\/[^/?#]*/i, '').replace(/[?#].*$/, '').replace(/^(\.{1,2}(\/|$))+/, '/').replace(/\/+$/, '').replace(/^(?=[^/])/, '/');
}
