// A reverse proxy that serves the page below a path prefix, as a site with other services does.
//
// Always: strips the prefix, forwards WebSocket upgrades, and answers 404 outside the prefix, so that a page with absolute
// paths fails.

import http from 'node:http';
import net from 'node:net';

/**
 * Resolves to { port, outside, cut, close }; `cut` ends all connections; `outside` lists the requested paths outside the prefix. Without `upgrades` it hands
 * WebSocket handshakes on as plain requests, as a proxy that was not set up for them; `refuse` may return a status with which
 * it answers a request itself; `headers` replace those of the server's answers.
 */
export async function startProxy(targetPort, prefix, { upgrades = true, refuse = () => null, headers = {} } = {}) {
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
    const status = refuse(request);
    if (status) {
      response.writeHead(status).end();
      return;
    }
    const forward = http.request({ host: '127.0.0.1', port: targetPort, path, method: request.method, headers: plain(request.headers) }, (answer) => {
      response.writeHead(answer.statusCode, { ...answer.headers, ...headers });
      answer.pipe(response);
    });
    forward.on('error', () => response.writeHead(502).end());
    request.pipe(forward);
  });
  if (upgrades) proxy.on('upgrade', (request, client, head) => {
    const status = refuse(request);
    if (status) {
      client.end(`HTTP/1.1 ${status} Refused\r\n\r\n`);
      return;
    }
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
    cut: () => { for (const socket of sockets) socket.destroy(); },
    close: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      proxy.close(resolve);
    }),
  };
}

/** Leaves out the headers that belong to one connection (RFC 9110 section 7.6.1). */
function plain({ connection, upgrade, ...headers }) {
  return headers;
}
