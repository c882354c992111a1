// The pictures in docs/ come from the tests, so that they show the present state.

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './paths.js';

/** Copies a picture to docs/NAME.png if RAA_PICTURES=docs asks for that. */
export function keepForDocs(path, name) {
  if (process.env.RAA_PICTURES === 'docs') copyFileSync(path, join(ROOT, 'docs', `${name}.png`));
}
