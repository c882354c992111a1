// The mixer page: puts the player's bar and the mixer together, in the person's language.

import { byId } from './dom.js';
import { Memory } from './memory.js';
import { Mixer } from './mixer.js';
import { Notes } from './notes.js';
import { PlayerBar } from './player-bar.js';
import { pickLanguage, texts } from './texts.js';

const language = pickLanguage(navigator.languages ?? ['en']);
const text = texts(language);
const memory = new Memory();
const notes = new Notes(byId('notes'));

document.documentElement.lang = language;
document.title = text('title');
for (const element of document.querySelectorAll('[data-text]')) element.textContent = text(element.dataset.text);
new PlayerBar(text, memory, notes);
new Mixer(text, memory, notes);
byId('not-started').remove();
