// What the page's Content-Security-Policy has blocked. The browser says it in an event, and only there: to the program that
// wants to connect it looks like a network without an answer.
//
// Always: listens from the moment in which it is loaded, before any connection is made.

/** @type {{directive: string, host: string}[]} */
const blocked = [];
/** @type {Set<() => void>} */
const listeners = new Set();

document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
  const host = hostOf(blockedURI);
  if (host === null || blocked.some((seen) => seen.directive === effectiveDirective && seen.host === host)) return;
  blocked.push({ directive: effectiveDirective, host });
  for (const listener of listeners) listener();
});

/** Returns the directive that blocks connections to this host with its port, or null. @param {string} host */
export function blockingDirective(host) {
  return blocked.find((seen) => seen.host === host)?.directive ?? null;
}

/** Calls `listener` whenever something more was blocked. @param {() => void} listener @returns {() => void} ends it */
export function onBlocked(listener) {
  listeners.add(listener);
  return () => { listeners.delete(listener); };
}

/** @param {string} uri */
function hostOf(uri) {
  try {
    return new URL(uri).host;
  } catch {
    return null; // 'inline', 'wasm-eval'
  }
}
