// The page's modules lie in folders, and a folder uses only folders below it (ARCHITECTURE.md).

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WEB = fileURLToPath(new URL('../../crates/raa-server/web/', import.meta.url));
/** From top to bottom. The folders of a row do not use each other; the files without a folder have a public address. */
const LAYERS = [['app.js'], ['page'], ['bands', 'list', 'panels'], ['changes', 'parts'], ['room'], ['texts', 'player.js'], ['server', 'sound']];
const IMPORT = /\b(?:from |import )'(\.[^']*)'/g;

const files = readdirSync(WEB, { recursive: true }).filter((file) => !file.startsWith('vendor/'));
const modules = files.filter((file) => file.endsWith('.js'));
const importsOf = new Map(modules.map((file) => [file, importsIn(file)]));

function importsIn(file) {
  const code = readFileSync(join(WEB, file), 'utf8').replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  return [...code.matchAll(IMPORT)].map(([, path]) => normalize(join(dirname(file), path)));
}

const folderOf = (file) => file.split('/')[0];
const layerOf = (file) => LAYERS.findIndex((folders) => folders.includes(folderOf(file)));

/** Returns the modules that a module needs, itself included. */
function needed(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const path of importsOf.get(file)) needed(path, found);
  return found;
}

test('each module is in a folder', () => {
  assert.deepEqual(modules.filter((file) => layerOf(file) < 0), []);
  assert.deepEqual(LAYERS.flat().filter((folder) => !modules.some((file) => folderOf(file) === folder)), [], 'folders without a module');
});

test('a folder uses only folders below it', () => {
  const arrows = modules.flatMap((file) => importsOf.get(file).map((path) => ({ file, path })));
  assert.ok(arrows.length > modules.length);
  const wrong = arrows.filter(({ file, path }) => folderOf(file) !== folderOf(path) && layerOf(path) <= layerOf(file));
  assert.deepEqual(wrong.map(({ file, path }) => `${file} uses ${path}`), []);
});

test('no modules import each other in a circle', () => {
  const inCircle = modules.filter((file) => importsOf.get(file).some((path) => needed(path).has(file)));
  assert.deepEqual(inCircle, []);
});

test('the page uses each module and each style sheet', () => {
  const html = readFileSync(join(WEB, 'index.html'), 'utf8');
  const linked = [...html.matchAll(/(?:href|src)="([^"#:]+)"/g)].map(([, path]) => path);
  const used = new Set([...linked, 'index.html', ...needed('app.js')]);
  assert.deepEqual(files.filter((file) => /\.\w+$/.test(file) && !used.has(file)), []);
});

test('player.js needs only the folders that the Zabbix widget has', () => {
  const folders = new Set([...needed('player.js')].map(folderOf));
  assert.deepEqual([...folders].sort(), ['player.js', 'server', 'sound']);
});
