// A reverse proxy that serves the page below a path prefix, as a site with other services does.
//
// Always: strips the prefix, forwards WebSocket upgrades, and answers 404 outside the prefix, so that a page with absolute
// paths fails.

import http from 'node:http';
import net from 'node:net';

/** Resolves to { port, outside, close }; `outside` lists the requested paths outside the prefix. */
export async function startProxy(targetPort, prefix) {
  const outside = [];
  const sockets = new Set();
  const inner = (url) => (url.startsWith(prefix) ? `/${url.slice(prefix.length)}` : null);
  const proxy = http.createServer((request, response) => {
    const path = inner(request.url);
    if (path === null) {
      outside.push(request.url);
      response.writeHead(404).end();
      return;
    }
    const forward = http.request({ host: '127.0.0.1', port: targetPort, path, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    forward.on('error', () => response.writeHead(502).end());
    request.pipe(forward);
  });
  proxy.on('upgrade', (request, client, head) => {
    const path = inner(request.url);
    if (path === null) {
      outside.push(request.url);
      client.end('HTTP/1.1 404 Not Found\r\n\r\n');
      return;
    }
    const upstream = net.connect(targetPort, '127.0.0.1', () => {
      const headers = request.rawHeaders.map((text, i) => (i % 2 ? `${text}\r\n` : `${text}: `)).join('');
      upstream.write(`GET ${path} HTTP/1.1\r\n${headers}\r\n`);
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  proxy.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: proxy.address().port,
    outside,
    close: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      proxy.close(resolve);
    }),
  };
}
