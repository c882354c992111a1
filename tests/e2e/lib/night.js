// A night in a room of 3, 40 or 300 computers, told to a page in the messages of GET /api/events, for what cannot be waited
// for: ten minutes of history, three hundred computers, an alarm that began twelve seconds ago.
//
// Always: the page and its player are real; only the events are told, and each row, entry and server has exactly the fields of
// the real server's (`learn` keeps them, `checked` compares), so that a change of the contract is noticed here.

import WebSocket from 'ws';
import { randoms } from './generate.js';

/** The moment at which a page connects; pages of a night have the time zone UTC. */
const BEGIN = Date.UTC(2026, 10, 29, 2, 49, 12);
const UPTIME_MS = 9 * 86400e3;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const STRIP_S = 599;
const NOBODY = { kind: 'server', name: '', address: null };

const ROOMS = {
  Control: ['Fire panel PC', 'Emergency call PC', 'Night desk', 'Reception', 'Gate 1 intercom', 'Gate 2 intercom', 'CCTV wall', 'Door access', 'Parking barrier', 'Lift control'],
  Plant: ['Boiler house', 'Chiller plant', 'Generator 1', 'Generator 2', 'Pumping station east', 'Pumping station west', 'Substation A', 'Substation B', 'Tunnel fans north', 'Tunnel fans south', 'UPS monitor', '浄水場 計装PC', '受電設備 監視', '空調 中央監視'],
  Hospital: ['Blood bank fridge', 'ICU telemetry 1', 'ICU telemetry 2', 'Lab freezer −80', 'Pharmacy robot', 'Ward 3 nurse station'],
  IT: ['Backup NAS', 'NOC alarm PC', 'Radio relay', 'SAP console', 'Server room KVM', 'Trading floor 12', 'Trading floor 13', 'Weather desk', 'Zabbix kiosk', '第2監視室 PC-07'],
};
const SMALL = ['Boiler house', 'Ward 3 nurse station', '第2監視室 PC-07'];
const KINDS = ['Ward', 'Desk', 'Lab', 'Gate', 'Shop', 'Cell', 'Dock', 'Pump'];
const PER_FLOOR = 52;

/** Sounds that lie further back: [ms ago, name, ms long, peak in dBFS, who has seen it]. */
const PAST = [[302e3, 'Zabbix kiosk', 3000, -13, 'Desk 2'], [420e3, 'UPS monitor', 1200, -17, 'Night shift'], [512e3, 'Substation A', 14_000, -24, 'Night shift'], [700e3, 'Gate 1 intercom', 11_400, -19, 'Night shift'],
  [1310e3, 'Emergency call PC', 4100, -12, 'Night shift'], [2050e3, 'ICU telemetry 2', 2000, -15, 'Night shift'], [2900e3, 'Fire panel PC', 3000, -11, 'Desk 2'], [5210e3, 'Lift control', 800, -22, 'Night shift'], [7300e3, 'Generator 1', 38_000, -25, 'Night shift']];

/** What happens in each scene, beyond what is true all night: [name, sound]; without `longMs` it still sounds. */
const SCENES = {
  quiet: [],
  alarm: [['Pumping station east', { agoMs: 47e3, dbfs: -20 }], ['Gate 2 intercom', { agoMs: 44e3, longMs: 6800, dbfs: -14 }], ['Fire panel PC', { agoMs: 12e3, dbfs: -9 }]],
  muted: [['Server room KVM', { agoMs: 8e3, dbfs: -12 }], ['Gate 2 intercom', { agoMs: 44e3, longMs: 6800, dbfs: -14 }]],
};

/** Keeps the fields of a real server's messages, and the figures of one of its clients. @returns {Promise<{row: string[], entry: string[], server: string[], figures: object}>} */
export async function learn(server) {
  const [figures] = await server.clients();
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/api/events`);
  try {
    return await new Promise((resolve, reject) => {
      socket.on('error', reject);
      let whole = null;
      socket.on('message', (data) => {
        const message = JSON.parse(data.toString());
        if (message.type === 'whole') whole = message;
        if (message.type !== 'log') return;
        if (!whole.clients.length) reject(new Error('the server must know a client'));
        const fields = { row: whole.clients[0], entry: message.entries[0], server: whole.server };
        resolve({ figures, ...Object.fromEntries(Object.entries(fields).map(([what, one]) => [what, Object.keys(one).sort()])) });
      });
    });
  } finally {
    socket.close();
  }
}

export class Night {
  #fields;
  #random = randoms(7);
  #computers;
  #log = [];
  #connectedAt = null;
  #isAway = false;
  #timers = [];

  /** @param {{fields: object, count: 3 | 40 | 300, scene: keyof SCENES}} options fields: as `learn` gives them */
  constructor({ fields, count = 40, scene = 'alarm' }) {
    this.#fields = fields;
    this.#computers = namesOf(count).map(([name, group], i) => ({ id: (0x5f000000 + i).toString(16), name, group, bytes: new Uint8Array(STRIP_S), sound: null }));
    this.#tellPast(count);
    for (const [name, sound] of count === 3 ? small(scene) : SCENES[scene]) this.#sounds(name, sound);
    if (count === 300 && scene === 'alarm') for (const [i, dbfs] of [[77, -24], [120, -31], [188, -18], [251, -27]]) this.#sounds(this.#computers[i].name, { agoMs: 60e3 + 400 * i, dbfs });
    if (count > 3) this.#tellStates(scene);
    this.#log.sort((a, b) => a.at_ms - b.at_ms);
    this.#log.forEach((entry, i) => {
      entry.id = 800 + i;
      if (entry.sound) entry.sound.id = entry.id;
      delete entry.sound;
    });
  }

  /** Answers the page's connections of /api/events, and its requests for a client's figures. */
  async tell(page) {
    await page.route(/\/api\/clients\/\w+$/, (route) => route.fulfill({ json: { ...this.#fields.figures, id: new URL(route.request().url()).pathname.split('/').at(-1) } }));
    await page.routeWebSocket(/\/api\/events$/, (socket) => {
      if (this.#isAway) socket.close();
      else this.#connected(socket);
    });
  }

  /** The server does not answer any more. */
  leave() {
    this.#isAway = true;
    this.close();
  }

  close() {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  #connected(socket) {
    this.#connectedAt = performance.now();
    const say = (message) => socket.send(JSON.stringify(message));
    const sounding = this.#computers.filter(({ sound }) => sound && !sound.longMs);
    say({ type: 'whole', revision: 1, now_ms: UPTIME_MS, clients: this.#computers.map((one) => this.#row(one)), server: this.#server() });
    say({ type: 'log', first: true, entries: this.#log });
    say({ type: 'peaks', first: true, to_s: UPTIME_MS / SECOND, clients: Object.fromEntries(this.#computers.filter(({ bytes }) => bytes.some((byte) => byte > 1)).map(({ id, bytes }) => [id, Buffer.from(bytes).toString('base64')])) });
    const levels = () => say({ type: 'levels', levels: Object.fromEntries(sounding.map(({ id, sound: { dbfs } }) => [id, [dbfs - 7 + 3 * this.#random(), dbfs]])) });
    this.#timers.push(setInterval(levels, 100), setInterval(() => say({ type: 'changes', from: 1, revision: 1, now_ms: Math.round(UPTIME_MS + performance.now() - this.#connectedAt) }), SECOND));
  }

  #server() {
    const groups = [...new Set(this.#computers.map(({ group }) => group))].filter(Boolean).map((name, i) => ({ id: i + 1, name }));
    return this.#checked('server', { version: '0.1.0', udp_port: 4010, listeners: 3, epoch_ms: BEGIN - UPTIME_MS, groups_revision: 4, groups, walls: [], refused_senders: [] });
  }

  #row(one) {
    const { id, name, group, sound, muted, volume = 100, isOffline = false, loss = null } = one;
    const isSounding = Boolean(sound && !sound.longMs);
    const groups = [...new Set(this.#computers.map((other) => other.group))];
    return this.#checked('row', {
      id, name, status: isOffline ? 'offline' : isSounding ? 'sounding' : 'connected', address: isOffline ? null : '192.0.2.7:40110', seen_before: true, configured: true,
      volume, volume_by: volume === 100 ? null : desk('Desk 2'), volume_since_ms: volume === 100 ? null : UPTIME_MS - 131e3,
      muted: Boolean(muted), muted_by: muted ? desk(muted.by) : null, muted_since_ms: muted ? UPTIME_MS - muted.agoMs : null, muted_until_ms: muted?.leftMs ? UPTIME_MS + muted.leftMs : null,
      group: group ? groups.indexOf(group) + 1 : null, place: group ? this.#computers.filter((other) => other.group === group).indexOf(one) : null,
      last_packet_at_ms: isOffline ? UPTIME_MS - 2 * HOUR : null,
      last_sound_began_at_ms: sound ? UPTIME_MS - sound.agoMs : null, last_sound_at_ms: sound?.longMs ? UPTIME_MS - sound.agoMs + sound.longMs : null,
      last_sound_peak_dbfs: sound?.longMs ? sound.dbfs : null, last_sound_id: sound?.id ?? null, last_sound_seen: Boolean(sound?.seenBy), steady: one.isSteady ?? false,
      sounding_from_dbfs: -60, quality: isOffline ? null : loss ? 'bad' : 'good', concealed_percent: isOffline ? null : loss ?? 0, delay_ms: isOffline ? null : 60, conflict: null, withheld: null, capture_trouble: null,
    });
  }

  #checked(what, one) {
    const [fields, wanted] = [Object.keys(one).sort().join(), this.#fields[what].join()];
    if (fields !== wanted) throw new Error(`the server's ${what} has the fields ${wanted}, and the told one has ${fields}`);
    return one;
  }

  #named(name) {
    return this.#computers.find((one) => one.name === name);
  }

  /** Lets a computer sound, from `agoMs` on: in its row, the log and its strip. */
  #sounds(name, sound) {
    const one = this.#named(name);
    one.sound = { ...sound };
    this.#note({ kind: 'sound', agoMs: sound.agoMs, one, ended_ms: sound.longMs ? BEGIN - sound.agoMs + sound.longMs : null, peak_dbfs: sound.longMs ? sound.dbfs : null,
      seen_by: sound.seenBy ? desk(sound.seenBy) : null, seen_at_ms: sound.seenBy ? BEGIN - sound.agoMs + 20e3 : null, sound: one.sound });
    const [from, to] = [sound.agoMs, sound.longMs ? sound.agoMs - sound.longMs : 0].map((ms) => STRIP_S - Math.ceil(ms / SECOND));
    for (let second = Math.max(0, from); second < Math.max(from + 1, to) && second < STRIP_S; second++) one.bytes[second] = 121 + Math.round(sound.dbfs - 8 * this.#random());
  }

  #note({ agoMs, one = null, ...entry }) {
    this.#log.push({ ...this.#checked('entry', { id: 0, at_ms: BEGIN - agoMs, kind: '', client: one?.id ?? null, name: one?.name ?? '', ended_ms: null, peak_dbfs: null, count: 1, by: null, from: null, to: null,
      seen_by: null, seen_at_ms: null, undone: false, ...without(entry, 'sound') }), sound: entry.sound });
  }

  /** What sounded before, so that the strips and the list are those of a room that is used. */
  #tellPast(count) {
    for (const one of this.#computers) if (count > 3 && this.#random() < 0.4) this.#sounds(one.name, { agoMs: (0.4 + 9 * this.#random()) * HOUR, longMs: 2000, dbfs: -22, seenBy: 'Night shift' });
    for (const [agoMs, name, longMs, dbfs, seenBy] of count > 3 ? PAST : [[302e3, 'Ward 3 nurse station', 3000, -13, 'Night shift']]) this.#sounds(name, { agoMs, longMs, dbfs, seenBy });
    this.#note({ kind: 'server_started', agoMs: 545e3, to: '0.1.0', by: NOBODY });
  }

  /** What is true all night. */
  #tellStates(scene) {
    Object.assign(this.#named('Server room KVM'), { muted: { by: 'Night shift', agoMs: 4 * HOUR + 39 * MINUTE } });
    Object.assign(this.#named('Radio relay'), { muted: { by: 'Desk 2', agoMs: 3 * MINUTE, leftMs: 12 * MINUTE }, isSteady: true });
    this.#sounds('Radio relay', { agoMs: 372e3, dbfs: -9, seenBy: 'Desk 2' });
    this.#note({ kind: 'muted', agoMs: 3 * MINUTE, one: this.#named('Radio relay'), by: desk('Desk 2'), from: { muted: false, until_ms: null }, to: { muted: true, until_ms: BEGIN + 12 * MINUTE } });
    Object.assign(this.#named('SAP console'), { volume: 0 });
    this.#note({ kind: 'volume', agoMs: 131e3, one: this.#named('SAP console'), by: desk('Desk 2'), from: 100, to: 0 });
    Object.assign(this.#named('CCTV wall'), { volume: 140 });
    Object.assign(this.#named('Trading floor 13'), { volume: 60 });
    for (const [name, agoMs] of [['Weather desk', 8840e3], ['Generator 2', 9 * HOUR]]) {
      this.#named(name).isOffline = true;
      this.#note({ kind: 'offline', agoMs, one: this.#named(name) });
    }
    if (scene !== 'alarm') return;
    const pump = this.#named('Pumping station east');
    pump.loss = 26;
    for (let second = STRIP_S - 80; second < STRIP_S; second++) pump.bytes[second] = (pump.bytes[second] || 1) | 128;
  }
}

const desk = (name) => ({ kind: 'desk', name, address: '192.0.2.7' });

function without(entry, name) {
  const { [name]: _, ...rest } = entry;
  return rest;
}

/** What three computers do. */
function small(scene) {
  return scene === 'alarm' ? [['Ward 3 nurse station', { agoMs: 12e3, dbfs: -12 }]] : [];
}

/** Returns names with their groups. */
function namesOf(count) {
  if (count === 3) return SMALL.map((name) => [name, '']);
  const named = Object.entries(ROOMS).flatMap(([group, names]) => names.map((name) => [name, group]));
  return [...named, ...Array.from({ length: count - named.length }, (_, i) => [`${KINDS[i % KINDS.length]} ${105 + Math.floor(i / KINDS.length)}`, `Floor ${1 + Math.floor(i / PER_FLOOR)}`])];
}
