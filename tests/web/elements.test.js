// The page's types (crates/raa-server/web-types/page.d.ts) name the elements and the parts of templates that index.html has,
// so that what the compiler believes is true.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (path) => readFileSync(new URL(`../../crates/raa-server/${path}`, import.meta.url), 'utf8');
const html = read('web/index.html');
const types = read('web-types/page.d.ts');
/** What is an HTMLElement and no more for the page's code. */
const ELEMENT = 'HTMLElement';
const CLASSES = { HTMLInputElement: 'input', HTMLSelectElement: 'select', HTMLDialogElement: 'dialog', HTMLLinkElement: 'link', HTMLButtonElement: 'button', SVGSVGElement: 'svg' };

/** Returns the body of an interface, without its comments. */
function bodyOf(name) {
  const [, body] = new RegExp(`interface ${name} \\{\\n(.*?)\\n  \\}`, 's').exec(types);
  return body;
}

/** Returns the names in `{ name: Type; … }` with their types. */
function fieldsOf(text) {
  return [...text.matchAll(/'?([\w-]+)'?: ((?:HTML|SVG)\w+Element)/g)].map(([, name, type]) => [name, type]);
}

test('each element with a type is in index.html', () => {
  const fields = fieldsOf(bodyOf('Elements'));
  assert.ok(fields.length > 5);
  for (const [id, type] of fields) {
    assert.ok(CLASSES[type], `${type} has a tag`);
    assert.match(html, new RegExp(`<${CLASSES[type]}\\b[^>]*\\bid="${id}"`), `${id} is a ${CLASSES[type]}`);
  }
});

test('each template has the parts that its type names, and no other', () => {
  const templates = new Map([...html.matchAll(/<template id="([\w-]+)">(.*?)<\/template>/gs)].map(([, id, content]) => [id, content]));
  const typed = [...bodyOf('Parts').matchAll(/'([\w-]+-template)': (.*?);\n(?= {4}'|$)/gs)];
  const last = /'([\w-]+-template)': ([^']*);$/.exec(bodyOf('Parts'));
  const all = new Map([...typed, last].map(([, id, type]) => [id, type]));
  assert.deepEqual([...all.keys()].sort(), [...templates.keys()].sort());
  for (const [id, type] of all) {
    const special = new Map(fieldsOf(type));
    const plain = /Named<([^,>]*)/.exec(type)?.[1].match(/'\w+'/g)?.map((name) => name.slice(1, -1)) ?? [];
    const wanted = new Map([...plain.map((name) => [name, ELEMENT]), ...special]);
    const found = new Map([...templates.get(id).matchAll(/<(\w+)\b[^>]*\bdata-part="(\w+)"/g)].map(([, tag, name]) => [name, tag]));
    assert.deepEqual([...wanted.keys()].sort(), [...found.keys()].sort(), id);
    for (const [name, part] of special) assert.equal(found.get(name), CLASSES[part], `${name} of ${id}`);
  }
});
