// RAA's main purpose, in Chromium: a computer plays a tone, its client captures it, the server mixes it, and a person
// listens on the page and names, levels and mutes that computer with real clicks and keys.
//
// Measured in a recording of the browser's output. As in real life, the browser is silent before the first click.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { eventually, nowMs, sleep } from './lib/processes.js';
import { strongestTone, levelDb, silentAfterMs, soundingAfterMs } from './lib/signal.js';
import { tone } from './lib/generate.js';
import { levelBecomes } from './lib/in-mix.js';
import { near, below, sineDb } from './lib/assertions.js';

const TONE_DB = sineDb(0.25);
const SILENCE_DB = TONE_DB - 40;
const OUTAGE_MS = 3000;

const world = new World('chromium');
let server, recorder, mixer, id;

before(async () => {
  const desktop = await world.sound('desktop');
  const listener = await world.sound('listener');
  server = await world.server();
  world.loop(desktop, tone(997, 1));
  world.client(['--source', 'pulse', '--server', `127.0.0.1:${server.udpPort}`, '--name', 'Ward 3'], { sound: desktop });
  recorder = world.record(listener);
  mixer = await MixerPage.open(await world.chromium(listener), server.pageUrl);
});
after(() => world.close());

test('the page shows the computer by its name', async () => {
  const client = await eventually('the computer sounds', async () => (await server.clients()).find((c) => c.status === 'sounding'));
  id = client.id;
  const row = mixer.row(id);
  await eventually('its row shows its name', async () => (await row.getByTestId('name').textContent()).includes('Ward 3'));
  assert.equal(await row.getAttribute('data-status'), 'sounding');
  assert.match(await row.getAttribute('aria-label'), /^Ward 3/, 'a screen reader hears the name');
});

test('a click starts the tone at its level', async () => {
  below(levelDb(await recorder.next(500)), -90, 'level before the click');
  await mixer.play();
  await levelBecomes(recorder, { above: TONE_DB - 1, below: TONE_DB + 1 });
  const recording = await recorder.next(2000);
  const { hz, db } = strongestTone(recording);
  near(hz, 997, 2, 'pitch');
  near(db, TONE_DB, 1, 'level');
  near(levelDb(recording), db, 0.5, 'level of the recording, which contains the tone alone');
});

test('mute silences within 300 ms, unmute restores', async (t) => {
  const mute = mixer.row(id).getByTestId('mute');
  let clickedAt;
  await mixer.clickAt(mute, () => (clickedAt = nowMs()));
  const silentAfter = silentAfterMs(await recorder.between(clickedAt, clickedAt + 1500), SILENCE_DB);
  t.diagnostic(`silent ${silentAfter} ms after the click`);
  below(silentAfter, 300, 'milliseconds until silence');
  assert.equal(await mute.getAttribute('aria-pressed'), 'true');
  assert.equal((await server.client(id)).muted, true);

  await mixer.clickAt(mute, () => (clickedAt = nowMs()));
  const soundingAfter = soundingAfterMs(await recorder.between(clickedAt, clickedAt + 1500), TONE_DB - 3);
  t.diagnostic(`sounding ${soundingAfter} ms after the click`);
  below(soundingAfter, 300, 'milliseconds until sound');
});

test('the volume slider sets the level', async () => {
  for (const [percent, change] of [[50, -6.02], [200, 6.02], [0, null], [100, 0]]) {
    await mixer.setVolume(id, percent);
    await server.client(id, (client) => client.volume === percent);
    await levelBecomes(recorder, change === null ? { below: SILENCE_DB } : { above: TONE_DB + change - 1, below: TONE_DB + change + 1 });
    const recording = await recorder.next(1000);
    if (change === null) below(levelDb(recording), SILENCE_DB, 'level at 0 %');
    else near(strongestTone(recording).db, TONE_DB + change, 1, `level at ${percent} %`);
  }
});

test('the player has its own volume', async () => {
  const slider = mixer.page.getByTestId('player-volume');
  const before = await slider.inputValue();
  await slider.focus();
  await slider.press('Home');
  await levelBecomes(recorder, { below: SILENCE_DB });
  below(levelDb(await recorder.next(500)), SILENCE_DB, 'level with the player turned down');
  assert.equal((await server.client(id)).volume, 100, 'the mix is as it was for everybody else');
  for (let presses = 0; presses < 250 && (await slider.inputValue()) !== before; presses++) await slider.press('ArrowRight');
  await levelBecomes(recorder, { above: TONE_DB - 1, below: TONE_DB + 1 });
  near(strongestTone(await recorder.next(1000)).db, TONE_DB, 1, 'level with the player as it was');
});

test('a typed name survives kill -9', async (t) => {
  await mixer.rename(id, '第3病棟 Ward three');
  await mixer.setVolume(id, 50);
  await server.client(id, (client) => client.name === '第3病棟 Ward three' && client.volume === 50);
  await server.kill();
  await eventually('the page reports the lost connection', async () => ['reconnecting', 'offline'].includes(await mixer.playerState()));
  await sleep(OUTAGE_MS);
  await server.start();
  const startedAt = nowMs();
  const kept = await server.client(id);
  assert.equal(kept.name, '第3病棟 Ward three');
  assert.equal(kept.volume, 50);
  await mixer.becomes('playing', 10_000);
  const recording = await recorder.between(startedAt, startedAt + 10_000);
  const backAfter = soundingAfterMs(recording, TONE_DB - 9);
  t.diagnostic(`sound is back ${backAfter} ms after the server`);
  below(backAfter, 8000, 'milliseconds until sound is back');
  near(strongestTone(recording.subarray(-48_000)).db, TONE_DB - 6.02, 1, 'level at the volume that was set');
  await eventually('the row shows the name', async () => (await mixer.row(id).getByTestId('name').textContent()).includes('第3病棟 Ward three'));
});
