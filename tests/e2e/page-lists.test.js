// What the page shows about the senders themselves, in Chromium: refused ones, many that went away, a hum, troubles at the
// sender, and names that nobody can see or that read otherwise than they are written.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { eventually, sleep } from './lib/processes.js';
import { buildRtp } from './lib/rtp.js';
import { encodeOpus } from './lib/opus.js';
import { bandNoise } from './lib/generate.js';

const world = new World('page-lists');
const WATCHED = '5f0a11c2';
let server, browser, noise;

before(async () => {
  server = await world.server();
  browser = await world.chromium({ env: {} });
  noise = await encodeOpus(bandNoise(3, 0.1));
  await world.sender(server, { ssrc: 0x5f0a11c2, packets: noise, name: 'Ward 3', repeat: true });
  await server.client(WATCHED, ({ status }) => status === 'sounding');
});
after(() => world.close());

const picture = (mixer, name) => mixer.page.screenshot({ path: join(world.artifacts, `${name}.png`), fullPage: true });

test('a sender with another payload type is listed with advice', async () => {
  const socket = dgram.createSocket('udp4');
  world.onClose(() => socket.close());
  let sequence = 0;
  const sending = setInterval(() => {
    socket.send(buildRtp({ sequence, timestamp: sequence * 960, ssrc: 0x77, payload: noise[0], payloadType: 96 }), server.udpPort, '127.0.0.1');
    sequence += 1;
  }, 20);
  try {
    for (const [locale, words] of [['en-GB', /96 is not accepted.*-payload_type 111.*payload_types/], ['ja-JP', /96 は受け付けません.*-payload_type 111.*payload_types/]]) {
      const mixer = await MixerPage.open(browser, server.pageUrl, { locale });
      const line = mixer.page.getByTestId('refused').first();
      await eventually('it is listed', () => line.isVisible());
      assert.match(await line.textContent(), new RegExp(`127\\.0\\.0\\.1:${socket.address().port}`));
      assert.match(await line.textContent(), words);
      await picture(mixer, `refused-${locale}`);
      assert.deepEqual(mixer.complaints, []);
      await mixer.close();
    }
  } finally {
    clearInterval(sending);
  }
});

test('names that lie are shown as what they are', async () => {
  await world.sender(server, { ssrc: 0x1001, packets: noise, name: 'Ward\u202e 3 \u2066', repeat: true });
  await world.sender(server, { ssrc: 0x1002, packets: noise, name: '\u200b\u3164', repeat: true });
  await world.sender(server, { ssrc: 0x1003, packets: noise, name: 'عنبر 3', repeat: true });
  const mixer = await MixerPage.open(browser, server.pageUrl);
  await eventually('the names are shown', async () => (await mixer.row('00001003').getByTestId('name').textContent()) === 'عنبر 3');
  const named = async (id) => (await mixer.row(id).getByTestId('name').textContent());
  assert.match(await named('00001001'), /^Ward 3$/);
  assert.equal(await named('00001002'), '00001002');
  // The row shows the name in an element of its own direction, and labels isolate it.
  assert.equal(await mixer.row('00001003').getByTestId('name').evaluate((name) => getComputedStyle(name).unicodeBidi), 'isolate');
  for (const part of ['mute', 'more']) {
    const button = mixer.row('00001003').locator(`[data-part=${part}]`);
    for (const label of ['aria-label', 'title']) assert.match(await button.getAttribute(label), /\u2068عنبر 3\u2069/, `${part} ${label}`);
  }
  await mixer.rename('00001003', '\u202e\u200b');
  await eventually('such a name is refused', () => mixer.page.locator('[data-note=client-00001003]').isVisible());
  await picture(mixer, 'names');
  await mixer.close();
});

test('many left-over computers fold and are forgotten together', async () => {
  const ids = Array.from({ length: 30 }, (_, i) => (0x2000 + i).toString(16).padStart(8, '0'));
  const brief = await Promise.all(ids.map((id) => world.sender(server, { ssrc: parseInt(id, 16), packets: noise.slice(0, 10) })));
  await Promise.all(brief.map(({ done }) => done));
  await server.client(ids[0], ({ status }) => status === 'offline');
  await server.client(ids[29], ({ status }) => status === 'offline');
  await server.patch(ids[0], { name: 'Kept by its name' });
  const mixer = await MixerPage.open(browser, server.pageUrl);
  const { page } = mixer;
  const line = page.getByTestId('folded');
  await eventually('29 are folded', async () => {
    await page.getByTestId('sort-again').click({ timeout: 300, force: true }).catch(() => {});
    await page.getByRole('searchbox').evaluate((box) => box.dispatchEvent(new Event('input'))); // sorts again
    return (await line.isVisible()) && (await line.textContent()).includes('29 computers');
  });
  assert.equal(await mixer.row(ids[1]).count(), 0);
  await picture(mixer, 'folded');
  await page.getByTestId('toggle-folded').click();
  await eventually('they can be seen', () => mixer.row(ids[1]).isVisible());
  await page.getByTestId('toggle-folded').click();
  await eventually('they are folded again', async () => (await mixer.row(ids[1]).count()) === 0);
  assert.equal(await page.locator('[data-section=new] [data-testid=row]').count(), 0, 'folded ones are not new');
  // A double click asks and forgets nothing.
  await page.getByTestId('forget-folded').dblclick();
  await sleep(500);
  assert.equal((await server.clients()).filter(({ id }) => ids.includes(id)).length, 30);
  if (!(await page.getByTestId('forget-folded-yes').isVisible())) await page.getByTestId('forget-folded').click();
  await picture(mixer, 'forget');
  assert.equal(await mixer.scrollsSideways(), false, 'the page scrolls sideways');
  // One comes back while the question stands.
  await world.sender(server, { ssrc: parseInt(ids[5], 16), packets: noise, repeat: true });
  await server.client(ids[5], ({ status }) => status !== 'offline');
  await page.getByTestId('forget-folded-yes').click();
  await eventually('the others are forgotten', async () => (await server.clients()).filter(({ id }) => ids.includes(id)).length === 2);
  assert.deepEqual((await server.clients()).map(({ id }) => id).filter((id) => ids.includes(id)), [ids[0], ids[5]]);
  await eventually('the page says that one was kept', () => page.locator('[data-note=forget]').isVisible());
  await eventually('the line is gone', async () => {
    await page.getByTestId('sort-again').click({ timeout: 500 }).catch(() => {});
    return !(await line.isVisible());
  });
  assert.deepEqual(mixer.complaints, []);
  await mixer.close();
});

test('the level from which a computer sounds is set in its panel', async () => {
  const mixer = await MixerPage.open(browser, server.pageUrl);
  await eventually('the row is there', () => mixer.row(WATCHED).isVisible());
  await mixer.showDetails(WATCHED);
  const input = mixer.panel.getByTestId('sounding-from');
  assert.equal(await input.inputValue(), '-60');
  await input.fill('-3');
  await input.press('Enter');
  await server.client(WATCHED, (client) => client.sounding_from_dbfs === -3);
  await input.fill('20');
  await input.press('Enter');
  const words = mixer.page.locator(`[data-note=client-${WATCHED}]`);
  await eventually('the refusal is shown', () => words.isVisible());
  assert.match(await words.textContent(), /sounding_from_dbfs is 20.*still counts as sounding from -3 dBFS/);
  await picture(mixer, 'threshold');
  await mixer.panel.getByTestId('common').click();
  await server.client(WATCHED, (client) => client.sounding_from_dbfs === -60);
  await mixer.close();
});
