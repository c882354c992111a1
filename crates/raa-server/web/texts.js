// The page's texts, in English and Japanese.

import { EN } from './texts-en.js';
import { JA } from './texts-ja.js';

export const TEXTS = { en: EN, ja: JA };

/** Returns the first of a person's languages that has texts here, else English. */
export function pickLanguage(languages) {
  return languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in TEXTS) ?? 'en';
}

/** Returns text(key, ...values), which gives the texts of a language. */
export function texts(language) {
  return (key, ...values) => {
    const entry = TEXTS[language][key];
    return typeof entry === 'function' ? entry(...values) : entry;
  };
}
