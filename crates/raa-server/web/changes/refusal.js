// What a refused change says: the server's own reason, and the value that remains.
// Always: pure; has words for every error, also from a proxy that answers instead of the server.

import { known } from '../room/figures.js';
import { cleanName, isolated } from '../server/names.js';

/**
 * @param {import('../server/api.js').ApiError} error
 * @param {Raa.ClientPatch} change the fields that were to be changed; none for another action
 * @param {{id: string} & Partial<Raa.ClientSettings> | null} client as the server has it
 * @param {Raa.Text} text
 */
export function refusal(error, change, client, text) {
  const [field] = /** @type {(keyof Raa.ClientSettings)[]} */ (Object.keys(change));
  const reason = reasonOf(error, REPEATED.includes(field), text);
  const remains = field && client && text(`remains_${field}`, field === 'name' ? isolated(client) : client[field]);
  return [reason, remains].filter(Boolean).join(' ');
}

/** Fields whose newest value is sent again when the server has asked to wait (latest.js). @type {(string | undefined)[]} */
const REPEATED = ['volume', 'muted'];

/** @param {import('../server/api.js').ApiError} error @param {boolean} isRepeated @param {Raa.Text} text */
function reasonOf({ message: raw, status, code, retryAfterMs }, isRepeated, text) {
  const message = cleanName(raw); // it may quote what somebody typed
  if (status === 0) return text('notReached');
  if (status === 429) return text(isRepeated && retryAfterMs > 0 ? 'sentAgain' : 'tooManyChanges', Math.ceil(retryAfterMs / 1000) || 1);
  if (status === 403 && code) return text('notFromHere', message);
  if (!code) return text(status === 401 || status === 403 ? 'notAllowed' : 'notReachedByProxy', message);
  return text(known(text, 'error', code), message);
}
