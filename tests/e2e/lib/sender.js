// The tests' own sender: RTP with Opus over UDP, each packet at the moment when it is due.
//
// Always: packet k leaves at start + 20 ms k, never earlier, and a late packet does not delay later ones.

import dgram from 'node:dgram';
import { nowMs } from './processes.js';
import { buildRtp, buildSdes } from './rtp.js';

export class Sender {
  /** packets: Opus frames of 20 ms, sent once, or repeatedly with `repeat`; one packet in `lossEvery` is left out. From the
   * second second on, `copiesFrom` is another host that sends each packet, too: one before the sender, one behind it. */
  constructor(port, { ssrc, packets, name, repeat = false, lossEvery = Infinity, sequence = 65_500, copiesFrom = null }) {
    Object.assign(this, { port, ssrc, packets, name, repeat, lossEvery, copiesFrom });
    this.sequence = sequence; // by default it wraps within the first second
    this.timestamp = 0xffff_0000;
    this.sent = 0;
    this.copies = 0;
    this.next = []; // packets that leave once, before the others go on
  }

  async start() {
    this.socket = await this.#open();
    if (this.copiesFrom) this.copier = await this.#open(this.copiesFrom);
    this.startMs = nowMs();
    this.done = new Promise((resolve) => (this.finish = resolve));
    this.#sendDue();
  }

  /** Sends these packets once, from the next one on: a sound of an exact length, however busy this computer is. */
  once(packets) {
    this.next = [...packets];
  }

  stop() {
    clearTimeout(this.timer);
    this.socket?.close();
    this.copier?.close();
    this.socket = this.copier = null;
    this.finish?.();
  }

  /** The address that the server sees. */
  get address() {
    const { address, port } = this.socket.address();
    return `${address}:${port}`;
  }

  async #open(from = '127.0.0.1') {
    const socket = dgram.createSocket('udp4');
    await new Promise((resolve) => socket.bind(0, from, resolve));
    await new Promise((resolve) => socket.connect(this.port, '127.0.0.1', resolve));
    socket.on('error', () => {}); // a server that is not there yet
    return socket;
  }

  #send() {
    const packet = buildRtp({
      sequence: this.sequence + this.sent,
      timestamp: this.timestamp + this.sent * 960,
      ssrc: this.ssrc,
      marker: this.sent === 0,
      payload: this.next.shift() ?? this.packets[this.sent % this.packets.length],
    });
    const isCopied = this.copier && this.sent >= 50;
    const all = isCopied ? [this.copier, this.socket] : [this.socket];
    if (this.sent % 2) all.reverse();
    for (const socket of all) socket.send(packet);
    if (isCopied) this.copies++;
  }

  #sendDue() {
    while (this.startMs + this.sent * 20 <= nowMs()) {
      if (!this.repeat && this.sent >= this.packets.length) return this.finish();
      if ((this.sent + 1) % this.lossEvery !== 0) this.#send();
      // The name is repeated, since UDP may lose it.
      if (this.name && this.sent % 50 === 1) this.socket.send(buildSdes(this.ssrc, this.name));
      this.sent++;
    }
    this.timer = setTimeout(() => this.#sendDue(), Math.max(0, this.startMs + this.sent * 20 - nowMs()));
  }
}
