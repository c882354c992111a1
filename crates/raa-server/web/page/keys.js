// Which key does what. Pure.
//
// Always: no key alone changes what others hear, except M, +, - and 0, which can be undone; a key that is typed into a field,
// or together with Ctrl, Alt or Meta, means nothing here.

/** @type {Record<string, string>} */
const KEYS = {
  ' ': 'play', ArrowDown: 'down', ArrowUp: 'up', Home: 'first', End: 'last', Enter: 'details', n: 'next', a: 'seen', A: 'allSeen',
  M: 'mute', '+': 'louder', '=': 'louder', '-': 'softer', 0: 'full', '/': 'find', '?': 'help', Escape: 'back',
};
/** In the list these belong to the row; elsewhere the browser needs them. */
const IN_LIST = ['down', 'up', 'first', 'last', 'details'];
/** They work even when single keys are switched off, since they need a focus or are no letters. */
const ALWAYS = [...IN_LIST, 'play', 'back'];

/**
 * For the help: the keys, in the order in which they are explained.
 * @type {[key: string, what: 'play' | 'choose' | 'details' | 'next' | 'seen' | 'allSeen' | 'mute' | 'volume' | 'full' | 'find' | 'back' | 'help'][]}
 */
export const EXPLAINED = [['space', 'play'], ['↑ ↓', 'choose'], ['Enter', 'details'], ['n', 'next'], ['a', 'seen'], ['A', 'allSeen'], ['M', 'mute'],
  ['+ −', 'volume'], ['0', 'full'], ['/', 'find'], ['Esc', 'back'], ['?', 'help']];

/**
 * Returns what a key press asks for, or null.
 * @param {{key: string, ctrlKey?: boolean, altKey?: boolean, metaKey?: boolean, isComposing?: boolean}} event
 * @param {{isField: boolean, isControl: boolean, isInList: boolean, singleKeys: boolean}} where
 *   isField: text is typed there; isControl: a button or slider, which needs space, Enter and arrows itself
 */
export function action(event, { isField, isControl, isInList, singleKeys }) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return null;
  const wanted = KEYS[event.key] ?? null;
  if (wanted === null || (isField && wanted !== 'back')) return null;
  if (!singleKeys && !ALWAYS.includes(wanted)) return null;
  if (IN_LIST.includes(wanted) && !isInList) return wanted === 'down' && !isControl ? 'intoList' : null;
  if (isControl && ['play', ...IN_LIST].includes(wanted)) return null;
  return wanted;
}
