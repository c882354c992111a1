// Three hundred computers in one process: each sends keep-alives as the client does, and sounds, loses packets, comes and goes
// as a test wants.
//
// Always: the k-th packet of a computer belongs to the k-th 20 ms since the start; all leave from one socket, as raa-load's do.

import dgram from 'node:dgram';
import { nowMs } from './processes.js';
import { buildRtp, buildSdes } from './rtp.js';

const SLOT_MS = 20;
/** A silent client sends a packet each 400 ms. */
const KEEP_ALIVE_SLOTS = 20;
const KEEP_ALIVE = Buffer.from([0xf8]);
/** Slots from one report with the name to the next: a second at first, as UDP may lose it, then five. */
const NAME_SLOTS = [50, 250];

export class Crowd {
  #members = new Map(); // id -> { ssrc, name, sequence, slots, sounding, lossy, from }
  #slot = 0;
  #timer = 0;

  /** packets: Opus frames of 20 ms that a sounding computer repeats */
  constructor(port, packets) {
    [this.port, this.packets] = [port, packets];
  }

  async start() {
    this.socket = dgram.createSocket('udp4');
    await new Promise((resolve) => { this.socket.bind(0, '127.0.0.1', resolve); });
    this.socket.on('error', () => {}); // a server that is not there
    this.startMs = nowMs();
    this.#run();
    return this;
  }

  stop() {
    clearTimeout(this.#timer);
    this.socket?.close();
    this.socket = null;
  }

  /** Adds a computer, which is silent. Returns its ID. */
  add(ssrc, name) {
    const id = ssrc.toString(16).padStart(8, '0');
    // Keep-alives of different computers are spread over time.
    this.#members.set(id, { ssrc, name, sequence: 0, slots: this.#members.size % KEEP_ALIVE_SLOTS, isSounding: false, isLossy: false, isOnset: false });
    return id;
  }

  /** Switches a computer off. */
  remove(id) {
    this.#members.delete(id);
  }

  /** Lets a computer sound, or be silent. */
  sound(id, isSounding = true) {
    const member = this.#members.get(id);
    member.isOnset = isSounding && !member.isSounding;
    member.isSounding = isSounding;
  }

  /** Loses each fourth packet of a computer, or none. */
  lose(id, isLossy = true) {
    this.#members.get(id).isLossy = isLossy;
  }

  #run() {
    while (this.startMs + this.#slot * SLOT_MS <= nowMs()) {
      for (const member of this.#members.values()) this.#send(member);
      this.#slot++;
    }
    this.#timer = setTimeout(() => this.#run(), Math.max(0, this.startMs + this.#slot * SLOT_MS - nowMs()));
  }

  #send(member) {
    const { ssrc, slots } = member;
    member.slots++;
    if (slots % NAME_SLOTS[slots < 500 ? 0 : 1] === 1) this.socket.send(buildSdes(ssrc, member.name), this.port, '127.0.0.1');
    if (!member.isSounding && slots % KEEP_ALIVE_SLOTS !== 0) return;
    const sequence = member.sequence++;
    if (member.isLossy && sequence % 4 === 3) return;
    const payload = member.isSounding ? this.packets[(slots + ssrc) % this.packets.length] : KEEP_ALIVE;
    this.socket.send(buildRtp({ sequence, timestamp: slots * 960, ssrc, marker: member.isOnset, payload }), this.port, '127.0.0.1');
    member.isOnset = false;
  }
}
