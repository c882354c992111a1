// The page's texts, in English and Japanese.

import { EN } from './en.js';
import { JA } from './ja.js';

/** @type {Record<string, Raa.Texts>} */
export const TEXTS = { en: EN, ja: JA };

/** Returns the first of a person's languages that has texts here, else English. @param {readonly string[]} languages */
export function pickLanguage(languages) {
  return languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in TEXTS) ?? 'en';
}

/** Returns text(key, ...values), which gives the texts of a language. @param {string} language @returns {Raa.Text} */
export function texts(language) {
  const entries = /** @type {Record<string, string | ((...values: unknown[]) => string)>} */ (TEXTS[language]);
  return (/** @type {string} */ key, /** @type {unknown[]} */ ...values) => {
    const entry = entries[key];
    return /** @type {string} */ (typeof entry === 'function' ? entry(...values) : entry);
  };
}
