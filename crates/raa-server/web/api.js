// The server's REST API and its events, as the page uses them (docs/protocol.md).
// Always: URLs are relative to the page, so that it works below any path; an error has the server's
// own message.

/** A failed request; `message` is the server's, or empty if the server did not respond. */
export class ApiError extends Error {}

async function request(method, path, body) {
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), {
      method,
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(''); // the browser's message about the network means nothing to a person
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(answer?.error?.message ?? `${response.status} ${response.statusText}`);
  return answer;
}

/** Sets name, volume or muted, and returns the client as it is after the change. */
export const patchClient = (id, change) => request('PATCH', `api/clients/${id}`, change);
/** Forgets an offline client. */
export const forgetClient = (id) => request('DELETE', `api/clients/${id}`);

const RETRY_MS = 1000;
/** The state comes every second; a connection without messages for this long is dead. */
const DEAD_AFTER_MS = 5000;

/**
 * Follows /api/events and reconnects for ever.
 * @param {{onState: Function, onLevels: Function, onConnection: (isUp: boolean) => void}} handlers
 */
export function followEvents({ onState, onLevels, onConnection }) {
  const url = new URL('api/events', document.baseURI);
  url.protocol = url.protocol.replace('http', 'ws');
  const connect = () => {
    const socket = new WebSocket(url);
    let watch = 0;
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      clearTimeout(watch);
      socket.close();
      onConnection(false);
      setTimeout(connect, RETRY_MS * (0.5 + Math.random()));
    };
    const feed = () => {
      clearTimeout(watch);
      watch = setTimeout(end, DEAD_AFTER_MS);
    };
    feed();
    socket.onmessage = ({ data }) => {
      if (isOver) return;
      feed();
      const message = JSON.parse(data);
      if (message.type === 'levels') onLevels(message.levels);
      else if (message.type === 'state') {
        onConnection(true);
        onState(message);
      }
    };
    socket.onclose = end;
  };
  connect();
}
