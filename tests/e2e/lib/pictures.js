// The pictures in docs/ come from the tests, so that they show the present state.
//
// Always: with few colours, since a page has few and the files stay small; without RAA_PICTURES=docs nothing in docs/ changes.

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './paths.js';

const PALETTE = 'split[a][b];[a]palettegen=max_colors=160:stats_mode=single[p];[b][p]paletteuse=dither=none';

/** Keeps a picture as docs/NAME.png if RAA_PICTURES=docs asks for that. */
export function keepForDocs(path, name) {
  if (process.env.RAA_PICTURES !== 'docs') return;
  const kept = join(ROOT, 'docs', `${name}.png`);
  mkdirSync(dirname(kept), { recursive: true });
  const { status, stderr } = spawnSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', path, '-vf', PALETTE, '-compression_level', '9', kept], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the picture ${name} is not kept: ${stderr}`);
}
