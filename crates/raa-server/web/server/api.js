// The server's REST API and its events, as the page uses them (docs/protocol.md).
// Always: URLs are relative to the page, so that it works below any path, and have no password; an error has the server's
// own message.

import { folderOf } from './address.js';
import { probe } from './probe.js';

/** A failed request. `message` is the server's; without an answer it is empty and `status` is 0. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status of HTTP
   * @param {string} code the server's constant, empty if it is not the server that answered
   * @param {number} retryAfterMs how long to wait before the request may succeed, 0 if unknown
   */
  constructor(message, status = 0, code = '', retryAfterMs = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

const home = () => folderOf(document.baseURI);

let desk = '';

/** Sets the name that the server keeps with the changes of this browser: a label, not an identity. @param {string} name */
export function setDesk(name) {
  desk = name;
}

/** @param {string} method @param {unknown} body */
function headersFor(method, body) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (desk && method !== 'GET') headers['X-Raa-Desk'] = encodeURIComponent(desk);
  return headers;
}

/** @param {string} method @param {string} path @param {unknown} [body] */
async function request(method, path, body) {
  let response;
  try {
    response = await fetch(new URL(path, home()), {
      method,
      headers: headersFor(method, body),
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(''); // the browser's message about the network means nothing to a person
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return answer;
  throw errorOf(response, answer);
}

/** @param {Response} response @param {Raa.ErrorBody | null} answer */
function errorOf(response, answer) {
  const { message, code } = answer?.error ?? {};
  const retryAfterMs = 1000 * (Number(response.headers.get('Retry-After')) || 0);
  return new ApiError(message ?? `${response.status} ${response.statusText}`.trim(), response.status, code, retryAfterMs);
}

/** Returns one client with all its figures. @param {string} id @returns {Promise<Raa.ClientBody>} */
export const readClient = (id) => request('GET', `api/clients/${id}`);
/**
 * Sets name, volume, muted (with muted_for_s) or sounding_from_dbfs, and returns the client as it is after the change.
 * @param {string} id @param {Raa.ClientPatch} change @returns {Promise<Raa.ChangedClient>}
 */
export const patchClient = (id, change) => request('PATCH', `api/clients/${id}`, change);
/** Forgets an offline client. @param {string} id @returns {Promise<null>} */
export const forgetClient = (id) => request('DELETE', `api/clients/${id}`);
/** Forgets the offline ones of these clients. @param {string[]} ids @returns {Promise<{forgotten: string[], kept: {id: string, reason: string}[]}>} */
export const forgetClients = (ids) => request('POST', 'api/clients/forget', { ids });
/** Marks sounds as seen, for everyone. @param {{ids: number[]} | {until: number}} which entries of the log */
export const markSeen = (which) => request('POST', 'api/log/seen', which);
/** Undoes a change of the log, and returns the client as it is then. @param {number} id @returns {Promise<Raa.ChangedClient>} */
export const undoEntry = (id) => request('POST', `api/log/${id}/undo`, {});
/** Returns entries of the log. @param {Record<string, string | number>} query @returns {Promise<Raa.LogBody>} */
export const readLog = (query) => request('GET', `api/log?${new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]))}`);
/** Returns the groups with their clients, and the revision that a change must name. @returns {Promise<Raa.Groups>} */
export const readGroups = () => request('GET', 'api/groups');
/** Sets all groups. @param {Raa.Groups<Raa.GroupPut>} arrangement @returns {Promise<Raa.Groups>} */
export const writeGroups = (arrangement) => request('PUT', 'api/groups', arrangement);

const RETRY_MS = 1000;
/** A message comes every second; a connection without messages for this long is dead. */
const DEAD_AFTER_MS = 3000;

/**
 * Follows /api/events and reconnects until it is ended.
 * @param {import('./feed.js').Feed} feed takes all messages
 * @param {{onState: () => void, onLevels: () => void, onConnection: (isUp: boolean, reason?: string) => void,
 *   onMessage?: (message: Raa.Message) => void, onOpen?: (send: (message: Raa.PageMessage) => void) => void}} handlers
 *   the reason is one of probe's, known a moment after the first attempt that fails; 'other-version' if the server's
 *   messages mean nothing to this page. `onMessage` gets the messages that are no news of clients or levels; `onOpen` gets a
 *   function that sends a message to the server, after the first state of each connection
 * @param {URL} folder of the server, by default the page's own
 * @returns {() => void} ends it
 */
export function followEvents(feed, { onState, onLevels, onConnection, onMessage = () => {}, onOpen = () => {} }, folder = home()) {
  const url = new URL('api/events', folder);
  url.protocol = url.protocol.replace('http', 'ws');
  let isClosed = false;
  /** @type {(() => void) | null} ends the connection of now */
  let current = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let retryTimer;
  const connect = () => {
    if (isClosed) return;
    const socket = new WebSocket(url);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let watch;
    let isOver = false;
    let isOpen = false;
    let isUnderstood = false;
    feed.reset();
    const end = () => {
      if (isOver) return;
      isOver = true;
      clearTimeout(watch);
      socket.close();
      if (isClosed) return;
      onConnection(false);
      const retry = () => { retryTimer = setTimeout(connect, RETRY_MS * (0.5 + Math.random())); };
      if (isOpen) retry();
      else probe(url.href).then((reason) => { if (!isClosed) onConnection(false, reason); }).finally(retry);
    };
    current = end;
    const isAlive = () => {
      clearTimeout(watch);
      watch = setTimeout(end, DEAD_AFTER_MS);
    };
    isAlive();
    socket.onopen = () => { isOpen = true; };
    socket.onmessage = ({ data }) => {
      if (isOver) return;
      isAlive();
      const message = JSON.parse(data);
      const news = feed.take(message);
      if (news === 'lost') end();
      else if (news === 'levels') onLevels();
      else if (news === 'state') {
        if (!isUnderstood) onOpen((reply) => { if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(reply)); });
        isUnderstood = true;
        onConnection(true);
        onState();
      } else if (isUnderstood) onMessage(message);
      else onConnection(false, 'other-version');
    };
    socket.onclose = end;
  };
  connect();
  return () => {
    isClosed = true;
    clearTimeout(retryTimer);
    current?.();
  };
}
