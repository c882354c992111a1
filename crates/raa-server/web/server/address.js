// The addresses that the page and the player put together: of the API, of the mix, and of the command for a computer.
//
// Always: no DOM; every form of an address gives a URL that works or an error that names it; the page's own URLs have no
// user name or password, because browsers refuse to fetch such URLs (they remember the password by themselves).

/** UDP port of a server that was started without options. */
const DEFAULT_UDP_PORT = 4010;
/** HTTP port of a server that was started without options. */
const DEFAULT_HTTP_PORT = 4011;
/** @type {Record<string, string>} */
const SCHEMES = { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' };
const FORMS = 'a URL (http, https, ws or wss) or HOST[:PORT], as in "http://raa.example:4011/"';

/** Returns the folder of the page or module at this address, without user name, password, query and fragment. @param {string | URL} href */
export function folderOf(href) {
  const url = new URL('./', href);
  url.username = '';
  url.password = '';
  return url;
}

/**
 * Returns the URL of a mix's WebSocket.
 * @param {string | URL | null | undefined} server the server's page or host; nothing means `home`
 * @param {string} mix
 * @param {{home: string, page: string}} here the folder of the player's files, and the address of the page
 * @throws {TypeError} names the value that is no address
 */
export function socketUrl(server, mix, { home, page }) {
  if (typeof mix !== 'string' || mix.trim() === '') throw new TypeError(`mix is ${shown(mix)}; it must be the name of a mix, as in "main"`);
  const url = folder(server, home, page);
  if (url === null) throw new TypeError(`url is ${shown(server)}; it must be ${FORMS}`);
  url.protocol = SCHEMES[url.protocol];
  url.pathname += 'ws';
  url.search = '';
  url.searchParams.set('mix', mix);
  url.hash = '';
  return url.href;
}

/** Returns the folder that an address means, or null if it is none. @param {unknown} server @param {string} home @param {string} page */
function folder(server, home, page) {
  if (server === undefined || server === null) return folderOf(home);
  const text = typeof server === 'string' ? server.trim() : server instanceof URL || hasHref(server) ? String(server.href) : null;
  if (text === null) return null;
  if (text === '') return folderOf(home);
  const url = absolute(text, page);
  if (!url || !(url.protocol in SCHEMES) || url.hostname === '' || url.port === '0') return null;
  url.pathname = url.pathname.replace(/\/(?:ws|[^/]*\.(?:html?|js))?$/, '').replace(/\/+$/, '') + '/';
  return url;
}

/** A URL of another window is no URL of this one's class. @param {unknown} value @returns {value is {href: unknown}} */
function hasHref(value) {
  return typeof value === 'object' && value !== null && 'href' in value && Boolean(value.href);
}

/** @param {string} text @param {string} page */
function absolute(text, page) {
  try {
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return new URL(text);
    if (/^\.{0,2}\//.test(text)) return new URL(text, page);
    return hostOnly(text, page);
  } catch {
    return null;
  }
}

/**
 * Parses HOST[:PORT][/PATH]. Without a port it is the server's own, or that of the proxy which a page on https needs.
 * @param {string} text @param {string} page
 */
function hostOnly(text, page) {
  const [, host = '', rest = ''] = /^([^/?#]*)(.*)$/s.exec(text) ?? [];
  if (/[\s@\\]/.test(host)) return null;
  const isBareIpv6 = !host.startsWith('[') && host.split(':').length > 2;
  const authority = isBareIpv6 ? `[${host}]` : host;
  const isSecure = page.startsWith('https:');
  const hasPort = /:\d+$/.test(authority.replace(/^\[[^\]]*\]/, 'v6'));
  if (!hasPort && /:/.test(authority.replace(/^\[[^\]]*\]/, ''))) return null; // "mailto:x", "host:"
  const port = hasPort || isSecure ? '' : `:${DEFAULT_HTTP_PORT}`;
  return new URL(`${isSecure ? 'https' : 'http'}://${authority}${port}${rest}`);
}

/** @param {unknown} value */
function shown(value) {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return typeof value === 'symbol' || (typeof value === 'object' && value !== null) ? Object.prototype.toString.call(value) : String(value);
}

/**
 * Returns the command that makes a computer send to the server of this page.
 * @param {{hostname: string}} page where the page is
 * @param {number | undefined} udpPort the server's; older servers do not report it
 */
export function clientCommand({ hostname }, udpPort) {
  const bare = hostname.replace(/^\[|\]$/g, '');
  const isIpv6 = bare.includes(':');
  const host = isIpv6 ? `[${bare}]` : bare;
  const server = udpPort && udpPort !== DEFAULT_UDP_PORT ? `${host}:${udpPort}` : host;
  // Some shells take brackets for a pattern of file names.
  return `raa-client --server ${isIpv6 ? `'${server}'` : server}`;
}

/**
 * Returns the reason why the host of the page may not be where senders must send to: 'loopback', 'proxy' or null.
 * @param {{hostname: string, protocol: string, pathname: string}} page
 */
export function commandDoubt({ hostname, protocol, pathname }) {
  if (/^(localhost|127(\.\d+){3}|\[?::1\]?)$|\.localhost$/.test(hostname)) return 'loopback';
  return protocol === 'https:' || !/^\/(index\.html)?$/.test(pathname) ? 'proxy' : null;
}
