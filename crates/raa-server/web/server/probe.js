// Finds out why a WebSocket can't be opened. Browsers do not say; an HTTP request to the same address does.
//
// Always: gives a word and never throws; takes a bounded time.

const LIMIT_MS = 5000;

/**
 * @param {string} socketUrl the WebSocket's address
 * @param {typeof fetch} request as fetch
 * @param {string | undefined} pageOrigin the origin of the page that asks
 * @returns {Promise<'unreachable' | 'no-upgrade' | 'origin-refused' | 'too-many' | 'no-such-mix' | 'access-denied' | 'not-raa'>}
 *   no answer; the server answers but something on the way does not hand on WebSockets; the server does not allow
 *   pages of this origin; this address has as many WebSockets as one may have; a mix with this name does not exist; a password or permission is missing; something else than an RAA server answers
 */
export async function probe(socketUrl, request = fetch, pageOrigin = globalThis.location?.origin) {
  const url = new URL(socketUrl);
  url.protocol = url.protocol.replace('ws', 'http');
  url.username = '';
  url.password = '';
  try {
    const word = await meaningOf(await ask(url, request));
    return word === 'no-upgrade' && (await isOriginRefused(url, request)) ? 'origin-refused' : word;
  } catch {
    if (!(await hasPage(url, request))) return 'unreachable';
    // Every answer can be read by the pages of allowed origins, and by the server's own.
    return pageOrigin && pageOrigin !== url.origin ? 'origin-refused' : 'no-upgrade';
  }
}

/** Browsers name the origin with every method but GET and HEAD, as with a WebSocket. @param {URL} url @param {typeof fetch} request */
async function isOriginRefused(url, request) {
  const answer = await ask(url, request, 'OPTIONS').catch(() => null);
  const body = answer?.status === 403 ? await answer.json().catch(() => null) : null;
  return body?.error?.code === 'origin_not_allowed';
}

/** @param {URL} url @param {typeof fetch} request @param {string} [method] */
function ask(url, request, method = 'GET') {
  return request(url, { method, cache: 'no-store', signal: AbortSignal.timeout?.(LIMIT_MS) });
}

/**
 * The server answers a plain request to a WebSocket's path with 426 (Upgrade Required).
 * @param {Response} response @returns {Promise<'unreachable' | 'no-upgrade' | 'too-many' | 'no-such-mix' | 'access-denied' | 'not-raa'>}
 */
async function meaningOf(response) {
  if (response.status === 426) return 'no-upgrade';
  if (response.status === 429) return 'too-many';
  if ([401, 403, 407].includes(response.status)) return 'access-denied';
  if ([502, 503, 504].includes(response.status)) return 'unreachable';
  if (response.status !== 404) return 'not-raa';
  const answer = await response.json().catch(() => null);
  return answer?.error?.message?.startsWith('mix is ') ? 'no-such-mix' : 'not-raa';
}

/**
 * Pages of origins that are not allowed can't read the answer above, but they can read the page's files.
 * @param {URL} url @param {typeof fetch} request
 */
async function hasPage(url, request) {
  try {
    return (await ask(new URL('icon.svg', url), request)).ok;
  } catch {
    return false;
  }
}
