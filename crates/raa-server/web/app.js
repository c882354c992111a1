// Starts the page in the person's language: as a desk, or as a wall with `?view=wall` or on a very wide screen.

import { Memory } from './page/memory.js';
import { Watch } from './page/watch.js';
import { byId, label } from './parts/dom.js';
import { pickLanguage, texts } from './texts/texts.js';

/** From this width on, in CSS pixels, a page is a wall. */
const WALL_PX = 2600;

const memory = new Memory();
const query = new URLSearchParams(location.search);
const language = pickLanguage([query.get('lang'), memory.language, ...(navigator.languages ?? ['en'])].flatMap((tag) => tag || []));
const text = texts(language);
const view = query.get('view') ?? (innerWidth >= WALL_PX ? 'wall' : 'desk');

document.documentElement.lang = language;
document.title = text('title');
label(document.body, text);
byId('search').placeholder = text('search');
byId('search').setAttribute('aria-label', text('search'));
new Watch({ text, memory, isWall: view === 'wall', wallName: query.get('name') ?? '' });
byId('not-started').remove();
