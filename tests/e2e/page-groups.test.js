// Groups: made, named, ordered, folded and filled with the mouse, the keyboard alone, or a finger; kept for everyone; undone;
// and changed at two desks at once. In Chromium with real senders.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { eventually } from './lib/processes.js';
import { encodeOpus } from './lib/opus.js';
import { bandNoise } from './lib/generate.js';
import { SILENCE } from './lib/three.js';

const world = new World('page-groups');
const [BOILER, FIRE, GATE, PUMP] = ['00000c01', '00000c02', '00000c03', '00000c04'];
const senders = {};
let server, browser, loud;

before(async () => {
  server = await world.server();
  browser = await world.chromium({ env: {} });
  loud = await encodeOpus(bandNoise(1, 0.1));
  for (const [id, name] of [[BOILER, 'Boiler house'], [FIRE, 'Fire panel PC'], [GATE, 'Gate 2 intercom'], [PUMP, 'Pumping station']]) {
    senders[id] = await world.sender(server, { ssrc: parseInt(id, 16), name, packets: SILENCE, repeat: true });
    await server.client(id, (client) => client.name === name);
  }
});
after(() => world.close());

async function open(options = {}) {
  const mixer = await MixerPage.open(browser, server.pageUrl, { viewport: { width: 1440, height: 900 }, ...options });
  await eventually('all are listed', async () => (await mixer.page.getByTestId('row').count()) >= 4);
  return mixer;
}

/** The groups in short: 'Control:0c01,0c02 Plant:'. */
const short = ({ groups }) => groups.map(({ name, clients }) => `${name}:${clients.map((id) => id.slice(4))}`).join(' ');
const become = (words) => eventually(`the groups are ${words}`, async () => short(await server.get('/api/groups')) === words);

/** Sets the groups: { Control: [FIRE] }. */
async function arrange(groups) {
  const { revision } = await server.get('/api/groups');
  const body = JSON.stringify({ revision, groups: Object.entries(groups).map(([name, clients]) => ({ name, clients })) });
  const response = await fetch(`${server.url}/api/groups`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body });
  assert.equal(response.status, 200, await response.text());
}

const heading = (mixer, name) => mixer.page.getByTestId('group-heading').filter({ hasText: name });
const undo = (mixer) => mixer.page.locator('[data-note=undo]').getByTestId('note-undo');
const focused = (mixer) => mixer.page.evaluate(() => { const { dataset } = document.activeElement.closest('[data-testid]'); return dataset.testid + (dataset.id ? ` ${dataset.id}` : ''); });
/** What is in the list, from top to bottom: names of groups, and the last digits of computers. */
const lines = (mixer) => mixer.page.locator('.columns').evaluate((box) => [...box.querySelectorAll('.group, .row')].map((line) => line.querySelector('.fold bdi')?.textContent ?? line.dataset.id.slice(6)).join(' '));

/** Drags the middle of a part of the page to a place in another one; `share` 0 is its upper edge. */
async function drag(mixer, from, to, share, { drop = true } = {}) {
  const { mouse } = mixer.page;
  const a = await from.boundingBox();
  await mouse.move(a.x + a.width / 2, a.y + a.height / 2);
  await mouse.down();
  const b = await to.boundingBox();
  await mouse.move(b.x + 60, b.y + b.height * share, { steps: 6 });
  if (drop) await mouse.up();
}

test('the mouse makes, fills and deletes a group', async () => {
  const mixer = await open();
  await mixer.page.getByTestId('new-group').click();
  const panel = mixer.page.getByTestId('group-panel');
  await panel.getByTestId('group-name-input').fill('Control');
  await panel.getByTestId('save-group').click();
  await become('Control:');
  await panel.getByRole('checkbox', { name: 'Fire panel PC' }).check();
  await become('Control:0c02');
  await panel.getByRole('checkbox', { name: 'Boiler house' }).check();
  await become('Control:0c02,0c01');
  await eventually('the list shows it', async () => (await lines(mixer)) === 'Control 02 01 Other computers 03 04');
  await mixer.page.screenshot({ path: join(world.artifacts, 'panel.png') });
  await panel.getByTestId('group-name-input').fill('Control room');
  await panel.getByTestId('save-group').click();
  await become('Control room:0c02,0c01');
  await panel.getByTestId('group-delete').click();
  await become('');
  await eventually('the panel is gone', async () => (await panel.count()) === 0);
  const note = mixer.page.locator('[data-note=undo-group]');
  assert.match(await note.textContent(), /Control room.*was deleted/);
  await note.getByTestId('note-undo').click();
  await become('Control room:0c02,0c01');
  assert.deepEqual(mixer.complaints, []);
  await mixer.close();
});

test('a drag puts a computer anywhere', async () => {
  await arrange({ Control: [FIRE, BOILER], Plant: [] });
  const [mixer, other] = [await open(), await open()];
  const dot = (id) => mixer.row(id).locator('.dot');
  await eventually('the list is there', async () => (await lines(mixer)) === 'Control 02 01 Plant Other computers 03 04');
  await drag(mixer, dot(GATE), mixer.row(FIRE), 0.8);
  await become('Control:0c02,0c03,0c01 Plant:');
  await eventually('it is between them', async () => (await lines(mixer)) === 'Control 02 03 01 Plant Other computers 04');
  await eventually('the other page follows', async () => (await lines(other)) === 'Control 02 03 01 Plant Other computers 04');
  await other.close();
  await drag(mixer, dot(BOILER), mixer.row(FIRE), 0.2);
  await become('Control:0c01,0c02,0c03 Plant:');
  await eventually('it is the first', async () => (await lines(mixer)) === 'Control 01 02 03 Plant Other computers 04');
  await drag(mixer, dot(PUMP), heading(mixer, 'Plant'), 0.5);
  await become('Control:0c01,0c02,0c03 Plant:0c04');
  await undo(mixer).click();
  await become('Control:0c01,0c02,0c03 Plant:');
  await eventually('it is back', async () => (await lines(mixer)) === 'Control 01 02 03 Plant Other computers 04');
  await drag(mixer, dot(FIRE), mixer.row(PUMP), 0.5);
  await become('Control:0c01,0c03 Plant:');
  // Nothing of these is a drag.
  await eventually('the list follows', async () => (await lines(mixer)) === 'Control 01 03 Plant Other computers 02 04');
  await drag(mixer, dot(GATE), mixer.row(BOILER), 0.2, { drop: false });
  await eventually('the place is marked', async () => /before/.test(await mixer.row(BOILER).getAttribute('class')));
  await mixer.page.screenshot({ path: join(world.artifacts, 'drag.png') });
  await mixer.page.keyboard.press('Escape');
  await mixer.page.mouse.up();
  await eventually('the mark is gone', async () => !/before|dragged/.test(await mixer.row(BOILER).getAttribute('class')));
  await drag(mixer, dot(GATE), mixer.page.getByTestId('now'), 0.5);
  await dot(GATE).click();
  assert.equal(short(await server.get('/api/groups')), 'Control:0c01,0c03 Plant:');
  assert.deepEqual(mixer.complaints, []);
  await mixer.close();
});

test('a group is dragged by its heading', async () => {
  await arrange({ Control: [FIRE], Plant: [BOILER], Gates: [GATE] });
  const mixer = await open();
  await eventually('the list is there', async () => (await lines(mixer)) === 'Control 02 Plant 01 Gates 03 Other computers 04');
  await drag(mixer, heading(mixer, 'Gates').locator('bdi'), mixer.row(FIRE), 0.5);
  await become('Gates:0c03 Control:0c02 Plant:0c01');
  await eventually('the list follows', async () => (await lines(mixer)) === 'Gates 03 Control 02 Plant 01 Other computers 04');
  await drag(mixer, heading(mixer, 'Gates').locator('bdi'), mixer.row(PUMP), 0.5);
  await become('Control:0c02 Plant:0c01 Gates:0c03');
  assert.equal(await mixer.page.getByTestId('fold').first().getAttribute('aria-expanded'), 'true', 'a drag is no click');
  await undo(mixer).click();
  await become('Gates:0c03 Control:0c02 Plant:0c01');
  await mixer.close();
});

test('a drag scrolls a long list', async () => {
  await arrange({ Control: [FIRE, BOILER], Gates: [GATE] });
  const mixer = await open({ viewport: { width: 900, height: 420 } });
  await mixer.page.evaluate(() => { document.getElementById('places').style.height = '110px'; document.getElementById('places').style.flex = 'none'; });
  await mixer.row(PUMP).locator('.dot').scrollIntoViewIfNeeded();
  await drag(mixer, mixer.row(PUMP).locator('.dot'), mixer.page.locator('.cols').first(), 0.9, { drop: false });
  await eventually('the list is at its top', async () => (await mixer.page.locator('#places').evaluate(({ scrollTop }) => scrollTop)) === 0);
  const first = await heading(mixer, 'Control').boundingBox();
  await mixer.page.mouse.move(first.x + 60, first.y + first.height / 2, { steps: 3 });
  await mixer.page.mouse.up();
  await become('Control:0c04,0c02,0c01 Gates:0c03');
  await mixer.close();
});

test('the keyboard alone does everything with groups', async () => {
  await arrange({ Gates: [GATE] });
  const mixer = await open();
  const { keyboard } = mixer.page;
  await eventually('the list is there', async () => (await lines(mixer)) === 'Gates 03 Other computers 01 02 04');
  await mixer.tabTo('row', 12);
  await mixer.tabTo('new-group', 12);
  await keyboard.press('Enter');
  await eventually('the name has the focus', async () => (await focused(mixer)) === 'group-name-input');
  await keyboard.type('Control');
  assert.equal(await mixer.page.getByTestId('group-name-input').inputValue(), 'Control');
  await keyboard.press('Enter');
  await become('Gates:0c03 Control:');
  await mixer.page.getByTestId('group-panel').getByRole('checkbox').first().waitFor();
  for (let i = 0; i < 12 && (await mixer.page.evaluate(() => document.activeElement.dataset.id)) !== FIRE; i++) await keyboard.press('Tab');
  await keyboard.press('Space');
  await become('Gates:0c03 Control:0c02');
  await keyboard.press('Escape');
  await eventually('the focus is back', async () => (await focused(mixer)) === 'new-group');
  // Up the list: the row, then the heading of its group.
  await eventually('the list follows', async () => (await lines(mixer)) === 'Gates 03 Control 02 Other computers 01 04');
  await mixer.row(FIRE).focus();
  await keyboard.press('ArrowUp');
  assert.equal(await mixer.page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Control, 1 computer');
  await keyboard.press('Alt+ArrowUp');
  await become('Control:0c02 Gates:0c03');
  await eventually('the list follows', async () => (await lines(mixer)) === 'Control 02 Gates 03 Other computers 01 04');
  assert.equal(await mixer.page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Control, 1 computer', 'the focus stays');
  await keyboard.press('Enter');
  assert.deepEqual([await lines(mixer), await mixer.page.evaluate(() => document.activeElement.getAttribute('aria-expanded'))], ['Control Gates 03 Other computers 01 04', 'false']);
  await keyboard.press('ArrowDown');
  assert.equal(await mixer.page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Gates, 1 computer', 'folded rows are no stop');
  await keyboard.press('ArrowDown');
  await keyboard.press('Alt+ArrowDown');
  await become('Control:0c02 Gates:');
  await keyboard.press('Alt+ArrowUp');
  await become('Control:0c02 Gates:0c03');
  await eventually('the row keeps the focus', async () => (await focused(mixer)) === `row ${GATE}`);
  await keyboard.press('Home');
  await keyboard.press('Tab');
  await eventually('the button after it has the focus', async () => (await focused(mixer)) === 'group-more');
  await keyboard.press('Enter');
  await mixer.tabTo('group-delete', 8);
  await keyboard.press('Enter');
  await become('Gates:0c03');
  await eventually('the focus is in the list', async () => /^(row|fold)/.test(await focused(mixer)));
  assert.deepEqual(mixer.complaints, []);
  await mixer.close();
});

test('a fold is one browser\'s and hides nothing', async () => {
  await arrange({ Control: [FIRE, BOILER] });
  const [mine, other] = [await open(), await open()];
  await heading(mine, 'Control').getByTestId('fold').click();
  await eventually('it is folded', async () => (await lines(mine)) === 'Control Other computers 03 04');
  assert.equal(await lines(other), 'Control 02 01 Other computers 03 04');
  await mine.page.reload();
  await eventually('it is still folded', async () => (await lines(mine)) === 'Control Other computers 03 04');
  senders[FIRE].packets = loud;
  await server.client(FIRE, ({ status }) => status === 'sounding');
  await eventually('the heading says that one sounds', async () => /1 sounding/.test(await heading(mine, 'Control').textContent()));
  assert.equal(await heading(mine, 'Control').getByTestId('fold').getAttribute('aria-label'), 'Control, 2 computers, 1 sounding');
  await mine.page.screenshot({ path: join(world.artifacts, 'folded.png') });
  senders[FIRE].packets = SILENCE;
  await server.client(FIRE, ({ status }) => status === 'connected');
  await eventually('and then that nobody has seen it', async () => /1 not seen/.test(await heading(mine, 'Control').textContent()));
  await mine.page.getByRole('searchbox').fill('fire');
  await eventually('a search finds it', async () => (await lines(mine)) === 'Control 02');
  await mine.page.getByRole('searchbox').fill('');
  await eventually('then it is folded again', async () => (await lines(mine)) === 'Control Other computers 03 04');
  senders[BOILER].packets = loud;
  await server.client(BOILER, ({ status }) => status === 'sounding');
  await mine.page.locator('#places').focus();
  await mine.page.keyboard.press('n');
  await eventually('the key for the next sounding one opens the group', async () => (await focused(mine)) === `row ${BOILER}`);
  senders[BOILER].packets = SILENCE;
  await server.client(BOILER, ({ status }) => status === 'connected');
  await mine.close();
  await other.close();
});

test('three desks change groups at once losing nothing', async () => {
  await arrange({ Control: [FIRE, BOILER] });
  const desks = [await open(), await open(), await open()];
  for (const [i, id] of [GATE, PUMP, BOILER].entries()) await desks[i].showDetails(id);
  const make = (mixer, name) => mixer.page.evaluate((wanted) => {
    const panel = document.querySelector('[data-testid=panel]');
    const select = panel.querySelector('[data-testid=group]');
    select.value = 'new';
    select.dispatchEvent(new Event('change'));
    panel.querySelector('[data-testid=group-name]').value = wanted;
    panel.querySelector('[data-part=grouping]').requestSubmit();
  }, name);
  // The first readings of all three are of the same revision.
  const waiting = [];
  for (const { page } of desks) {
    let isFirst = true;
    await page.route('**/api/groups', async (route) => {
      if (route.request().method() !== 'GET' || !isFirst) return route.continue();
      isFirst = false;
      const json = await server.get('/api/groups');
      await new Promise((go) => { waiting.push(go); if (waiting.length === desks.length) for (const one of waiting) one(); });
      return route.fulfill({ json });
    });
  }
  await Promise.all(desks.map((mixer, i) => make(mixer, `Desk ${i + 1}`)));
  await eventually('all three groups are there', async () => (await server.get('/api/groups')).groups.length === 4);
  const { groups } = await server.get('/api/groups');
  assert.deepEqual(groups.map(({ name, clients }) => `${name}:${clients.map((id) => id.slice(4))}`).sort(), ['Control:0c02', 'Desk 1:0c03', 'Desk 2:0c04', 'Desk 3:0c01']);
  assert.equal(waiting.length, 3, 'all read the same revision');
  for (const { page } of desks) assert.equal(await page.locator('[data-note=groups]').count(), 0, 'nobody is bothered');
  // The way back of one desk keeps what the others did.
  await undo(desks[0]).click();
  await eventually('one group is gone', async () => (await server.get('/api/groups')).groups.length === 3);
  assert.deepEqual((await server.get('/api/groups')).groups.map(({ name }) => name).sort(), ['Control', 'Desk 2', 'Desk 3']);
  for (const mixer of desks) await mixer.close();
});

test('an outdated undo changes nothing and says so', async () => {
  await arrange({ Control: [FIRE], Plant: [] });
  const mixer = await open();
  await mixer.showDetails(FIRE);
  await mixer.panel.getByTestId('group').selectOption({ label: 'Plant' });
  await become('Control: Plant:0c02');
  await arrange({ Gates: [FIRE] });
  await undo(mixer).click();
  await eventually('it says so', async () => /Somebody else has just changed the groups/.test(await mixer.page.locator('[data-note=undo]').textContent()));
  assert.equal(short(await server.get('/api/groups')), 'Gates:0c02');
  await mixer.close();
});

test('a finger groups computers on a phone', async () => {
  await arrange({ Control: [FIRE] });
  const mixer = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, locale: 'ja-JP' });
  await mixer.row(GATE).getByTestId('more').tap();
  await mixer.panel.getByTestId('group').selectOption({ label: 'Control' });
  await become('Control:0c02,0c03');
  await eventually('a message says it', async () => /「.?Control.?」の 2 番目に移動しました/.test(await mixer.page.locator('[data-note=undo]').textContent()));
  await mixer.panel.getByTestId('move-up').tap();
  await become('Control:0c03,0c02');
  await mixer.page.screenshot({ path: join(world.artifacts, 'phone-panel.png') });
  await mixer.panel.locator('[data-part=close]').tap();
  const fold = heading(mixer, 'Control').getByTestId('fold');
  const { height, width } = await fold.boundingBox();
  assert.ok(height >= 40 && width >= 40, `${width} x ${height}`);
  await fold.tap();
  await eventually('the group is folded', async () => (await lines(mixer)) === 'Control その他のコンピューター 01 04');
  await heading(mixer, 'Control').getByTestId('group-more').tap();
  const panel = mixer.page.getByTestId('group-panel');
  await panel.getByRole('checkbox', { name: 'Pumping station' }).tap();
  await become('Control:0c03,0c02,0c04');
  await mixer.page.screenshot({ path: join(world.artifacts, 'phone.png') });
  await panel.getByTestId('group-delete').tap();
  await become('');
  assert.equal(await mixer.scrollsSideways(), false);
  assert.deepEqual(mixer.complaints, []);
  await mixer.close();
});

test('a screen reader gets every name', async () => {
  await arrange({ Control: [FIRE, BOILER], 'Plant \u05d0': [] });
  const mixer = await open();
  await heading(mixer, 'Control').getByTestId('group-more').focus();
  await mixer.page.keyboard.press('Enter');
  const devtools = await mixer.page.context().newCDPSession(mixer.page);
  const { nodes } = await devtools.send('Accessibility.getFullAXTree');
  const named = (role) => nodes.filter((node) => node.role?.value === role && !node.ignored).map(({ name }) => name?.value ?? '');
  for (const [role, words] of [['list', 'Control'], ['button', 'Control, 2 computers'], ['button', 'Name, order and computers of the group Control'], ['button', 'New group…'], ['button', 'Delete the group'],
    ['group', 'Computers in this group'], ['checkbox', 'Boiler house'], ['textbox', 'Name of the group'], ['region', 'Control'], ['button', 'Plant \u05d0, 0 computers']]) {
    assert.ok(named(role).some((name) => name.startsWith(words)), `${role} ${words} of ${named(role).join(' | ')}`);
  }
  const boxes = nodes.filter((node) => node.role?.value === 'checkbox' && !node.ignored).map(({ name, properties }) => [name.value, properties.find((one) => one.name === 'checked').value.value]);
  assert.deepEqual(boxes.slice(0, 4), [['Boiler house', 'true'], ['Fire panel PC', 'true'], ['Gate 2 intercom', 'false'], ['Pumping station', 'false']]);
  assert.equal(nodes.filter(({ role }) => role?.value === 'status').length, 2, 'no live region has come');
  await mixer.close();
});
