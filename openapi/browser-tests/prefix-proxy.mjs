// A gateway as small as can be: strips a path prefix and passes everything on.
import http from 'node:http';

// Resolves to the origin it listens on. With `tell` it says in X-Forwarded-Prefix what it stripped, as ours does;
// many others do not.
export function startProxy(prefix, target, tell) {
  const server = http.createServer((request, response) => {
    if (!request.url.startsWith(`${prefix}/`)) {
      response.writeHead(404).end('not below the prefix');
      return;
    }
    const headers = tell ? { ...request.headers, 'x-forwarded-prefix': prefix } : request.headers;
    const options = { method: request.method, headers };
    const passed = http.request(target + request.url.slice(prefix.length), options, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', (error) => response.writeHead(502).end(error.message));
    request.pipe(passed);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({
      origin: `http://127.0.0.1:${server.address().port}`,
      close: () => server.close(),
    }));
  });
}
