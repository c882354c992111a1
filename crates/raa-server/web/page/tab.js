// What a page in the background shows: its title and its icon. Pure.

/**
 * Returns the title of the page: who sounds, and how many more.
 * @param {string[]} titles of what sounds and can be heard, newest first
 * @param {string | null} silence why the page itself is silent
 * @param {Raa.Text} text
 */
export function tabTitle(titles, silence, text) {
  if (titles.length) return `● ${titles[0]}${titles.length > 1 ? ` +${titles.length - 1}` : ''}`;
  return silence ? `${silence} – ${text('title')}` : text('title');
}

/** Returns the icon as a data URL: with a dot while something sounds. @param {boolean} isSounding */
export function tabIcon(isSounding) {
  const dot = isSounding ? '<circle cx="24" cy="8" r="8" fill="#fff"/><circle cx="24" cy="8" r="6" fill="#12a150"/>' : '';
  return `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#3a4554"/><path d="M7 13v6M12 9v14M17 6v20M22 11v10M26 14v4" stroke="#fff" stroke-width="2.6" stroke-linecap="round"/>${dot}</svg>`)}`;
}
