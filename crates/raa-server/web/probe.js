// Finds out why a WebSocket can't be opened. Browsers do not say; an HTTP request to the same address does.
//
// Always: gives a word and never throws; takes a bounded time.

const LIMIT_MS = 5000;

/**
 * @param {string} socketUrl the WebSocket's address
 * @param {typeof fetch} request as fetch
 * @returns {Promise<'unreachable' | 'no-upgrade' | 'no-such-mix' | 'access-denied' | 'not-raa'>}
 *   no answer; the server answers but something on the way does not hand on WebSockets; a mix with this name does not
 *   exist; a password or permission is missing; something else than an RAA server answers
 */
export async function probe(socketUrl, request = fetch) {
  const url = new URL(socketUrl);
  url.protocol = url.protocol.replace('ws', 'http');
  url.username = '';
  url.password = '';
  try {
    return await meaningOf(await ask(url, request));
  } catch {
    return (await hasPage(url, request)) ? 'no-upgrade' : 'unreachable';
  }
}

function ask(url, request) {
  return request(url, { cache: 'no-store', signal: AbortSignal.timeout?.(LIMIT_MS) });
}

/** The server answers a plain request to a WebSocket's path with 426 (Upgrade Required). */
async function meaningOf(response) {
  if (response.status === 426) return 'no-upgrade';
  if ([401, 403, 407].includes(response.status)) return 'access-denied';
  if ([502, 503, 504].includes(response.status)) return 'unreachable';
  if (response.status !== 404) return 'not-raa';
  const answer = await response.json().catch(() => null);
  return answer?.error?.message?.startsWith('mix is ') ? 'no-such-mix' : 'not-raa';
}

/** Pages of other origins may not read the answer above, but they may read the page's files. */
async function hasPage(url, request) {
  try {
    return (await ask(new URL('icon.svg', url), request)).ok;
  } catch {
    return false;
  }
}
