// Who sounds now, for pages that embed the player (docs/embedding.md).
//
// Always: follows the server's events only while somebody listens; says something only when the list has changed.

import { followEvents } from './api.js';
import { Feed } from './feed.js';
import { title } from './names.js';

/** Returns who sounds and is in the mix, by name: { id, name }. @param {(Raa.ClientSettings & {id: string, status: Raa.Status})[]} clients */
export function soundingNow(clients) {
  return clients.filter(({ status, muted, volume }) => status === 'sounding' && !muted && volume > 0)
    .map((client) => ({ id: client.id, name: title(client) }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/**
 * Follows who sounds. While the server is away the list is empty, since nothing is known.
 * @param {URL} folder of the server @param {(sounding: {id: string, name: string}[]) => void} onChange
 * @returns {() => void} ends it
 */
export function followSounding(folder, onChange) {
  const feed = new Feed();
  let shown = '[]';
  /** @param {{id: string, name: string}[]} list */
  const show = (list) => {
    const words = JSON.stringify(list);
    if (words === shown) return;
    shown = words;
    onChange(list);
  };
  return followEvents(feed, {
    onState: () => show(soundingNow(feed.state.clients)),
    onLevels: () => {},
    onConnection: (isUp) => { if (!isUp) show([]); },
  }, folder);
}
