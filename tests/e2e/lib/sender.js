// The tests' own sender: RTP with Opus over UDP, each packet at the moment when it is due.
//
// Always: packet k leaves at start + 20 ms k, never earlier, and a late packet does not delay later ones.

import dgram from 'node:dgram';
import { nowMs } from './processes.js';
import { buildRtp, buildSdes } from './rtp.js';

export class Sender {
  /** packets: Opus frames of 20 ms, sent once, or repeatedly with `repeat`; one packet in `lossEvery` is left out. */
  constructor(port, { ssrc, packets, name, repeat = false, lossEvery = Infinity, sequence = 65_500 }) {
    Object.assign(this, { port, ssrc, packets, name, repeat, lossEvery });
    this.sequence = sequence; // by default it wraps within the first second
    this.timestamp = 0xffff_0000;
    this.sent = 0;
  }

  async start() {
    this.socket = dgram.createSocket('udp4');
    await new Promise((resolve) => this.socket.connect(this.port, '127.0.0.1', resolve));
    this.socket.on('error', () => {}); // a server that is not there yet
    this.startMs = nowMs();
    this.done = new Promise((resolve) => (this.finish = resolve));
    this.#sendDue();
  }

  stop() {
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
    this.finish?.();
  }

  #send() {
    this.socket.send(buildRtp({
      sequence: this.sequence + this.sent,
      timestamp: this.timestamp + this.sent * 960,
      ssrc: this.ssrc,
      marker: this.sent === 0,
      payload: this.packets[this.sent % this.packets.length],
    }));
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
