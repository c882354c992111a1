// Names that come from other computers, made safe to show.
//
// Always: a name that nobody can see counts as none; the direction of a name's letters changes nothing around it.

/** Marks, overrides and isolates of the direction, which make text read otherwise than it is written. */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** Something that can be seen: no control, no space, and no letter that is blank. */
const VISIBLE = /[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;
const FIRST_STRONG_ISOLATE = '\u2068';
const POP_ISOLATE = '\u2069';

/** Returns a name without controls and in Unicode's composed form (NFC). @param {string} name */
export function cleanName(name) {
  return name.replace(DIRECTIONS, '').replace(/[\p{Cc}\u2028\u2029]/gu, ' ').normalize('NFC').trim();
}

/** Returns a client's name, else its ID. @param {{id: string, name?: string}} client */
export function title(client) {
  const name = cleanName(client.name ?? '');
  return VISIBLE.test(name) ? name : client.id;
}

/** Returns a client's title for the middle of a sentence. @param {{id: string, name?: string}} client */
export function isolated(client) {
  return isolate(title(client));
}

/** Returns another name for the middle of a sentence. @param {string} name */
export function isolate(name) {
  return FIRST_STRONG_ISOLATE + cleanName(name) + POP_ISOLATE;
}

/** Returns whether a name has 1 to 64 characters (code points), not counting space around it, and one that can be seen. @param {string} name */
export function checkName(name) {
  const clean = cleanName(name);
  const characters = [...clean].length;
  return characters >= 1 && characters <= 64 && VISIBLE.test(clean);
}
