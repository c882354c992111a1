// What a person chooses for this browser: language, theme, the desk's name, single keys; and the keys explained.
//
// Always: a choice takes effect at once; another language reloads the page, which then plays on.

import { byId, instance, make } from '../parts/dom.js';
import { checkName, cleanName } from '../server/names.js';
import { EXPLAINED } from './keys.js';
import { THEMES } from './memory.js';

/** How long the question for the desk's name stays without an answer. */
const QUESTION_MS = 60_000;

export class Settings {
  #text;
  #memory;
  #dialog = byId('settings');
  #onDesk;

  /** @param {{text: Raa.Text, memory: import('./memory.js').Memory, onDesk: (name: string) => void}} options */
  constructor({ text, memory, onDesk }) {
    this.#text = text;
    this.#memory = memory;
    this.#onDesk = onDesk;
    byId('open-settings').addEventListener('click', () => this.open());
    byId('close-settings').addEventListener('click', () => this.#dialog.close());
    this.#fill();
    this.#listen();
    this.#applyTheme();
  }

  open() {
    byId('desk').value = this.#memory.desk;
    this.#dialog.showModal();
  }

  /** Asks once for the name of this desk, next to what was just done. @param {import('../parts/notes.js').Notes} notes */
  askDesk(notes) {
    if (this.#memory.desk || this.#memory.wasAsked) return;
    this.#memory.wasAsked = true;
    const { element, parts } = instance('desk-name-template', this.#text);
    element.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!this.#setDesk(parts.input.value)) return;
      notes.clear('desk');
    });
    notes.ask('desk', element);
    const isUnused = () => parts.input.value === '' && document.activeElement !== parts.input;
    // It covers a part of the list; the settings have the name, too.
    setTimeout(() => { if (isUnused()) notes.clear('desk'); }, QUESTION_MS);
  }

  #fill() {
    byId('theme').append(new Option(this.#text('theme_system'), ''), ...THEMES.map((theme) => new Option(this.#text(`theme_${theme}`), theme)));
    byId('theme').value = this.#memory.theme;
    byId('language').value = this.#memory.language;
    byId('single-keys').checked = this.#memory.singleKeys;
    for (const [key, what] of EXPLAINED) byId('key-list').append(make('dt', '', make('kbd', '', key)), make('dd', '', this.#text(`key_${what}`)));
  }

  #listen() {
    const [language, theme, desk, singleKeys] = [byId('language'), byId('theme'), byId('desk'), byId('single-keys')];
    language.addEventListener('change', () => {
      this.#memory.language = language.value;
      location.reload();
    });
    theme.addEventListener('change', () => {
      this.#memory.theme = theme.value;
      this.#applyTheme();
    });
    desk.addEventListener('change', () => this.#setDesk(desk.value));
    singleKeys.addEventListener('change', () => { this.#memory.singleKeys = singleKeys.checked; });
  }

  /** @param {string} typed */
  #setDesk(typed) {
    const name = cleanName(typed);
    if (name && !checkName(name)) return false;
    this.#memory.desk = name;
    this.#onDesk(name);
    return true;
  }

  #applyTheme() {
    if (this.#memory.theme) document.documentElement.dataset.theme = this.#memory.theme;
    else delete document.documentElement.dataset.theme;
  }
}
