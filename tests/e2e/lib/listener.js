// A listener of the mix: every frame as the server sent it, with its arrival time and its sound.
//
// Always: samples follow the server's clock. Each received frame covers 960 samples; slots that the server skipped are
// filled with silence by their timestamps.

import WebSocket from 'ws';
import { PATIENCE_MS, eventually, nowMs } from './processes.js';
import { parseRtp } from './rtp.js';
import { decodeOpus } from './opus.js';
import { RATE } from './signal.js';

const FRAME = 960;
// A packet of 1 or 2 bytes means silence (DTX). Decoders before libopus 1.4 conceal it with noise. This packet is silent
// in all of them: 20 ms of CELT with its silence flag set.
const SILENCE = Buffer.from([0xf8, 0xff, 0xfe]);

export class Listener {
  constructor(url) {
    this.url = url;
    this.frames = []; // { at, sequence, timestamp, payload }
    this.format = null;
    this.closed = null;
  }

  async open() {
    this.socket = new WebSocket(this.url, { perMessageDeflate: false });
    this.socket.on('message', (data, isBinary) => {
      const at = nowMs();
      if (isBinary) this.frames.push({ at, ...parseRtp(data) });
      else this.format ??= JSON.parse(data.toString());
    });
    this.socket.on('close', (code, reason) => (this.closed = { code, reason: reason.toString() }));
    this.socket.on('error', () => {}); // close follows
    await eventually('the mix arrives', () => this.frames.length > 0);
    return this;
  }

  /** Waits for this many milliseconds of the mix from now on, and returns their samples. */
  async next(ms) {
    const from = this.frames.length;
    const count = Math.ceil(ms / 20);
    await eventually(`${ms} ms of the mix`, () => this.frames.length >= from + count, ms + PATIENCE_MS, 10);
    return (await this.decode(from, from + count)).samples;
  }

  /**
   * Returns { samples, emittedAt }: the sound of frames from..to, and the time in ms at which each sample left the
   * server. A frame can arrive late but not early, so the earliest one gives the time of the server's slots: a delayed
   * reader does not make the server, or the sound after it, look faster.
   */
  async decode(from = 0, to = this.frames.length) {
    const packets = [];
    let firstMs = Infinity;
    let previous;
    for (const frame of this.frames.slice(from, to)) {
      const steps = previous ? ((frame.timestamp - previous.timestamp) >>> 0) / FRAME : 1;
      for (let skipped = 1; skipped < steps; skipped++) packets.push(SILENCE);
      firstMs = Math.min(firstMs, frame.at - packets.length * 20);
      packets.push(frame.payload.length <= 2 ? SILENCE : frame.payload);
      previous = frame;
    }
    return { samples: await decodeOpus(packets), emittedAt: (sample) => firstMs + (sample * 1000) / RATE };
  }

  stop() {
    this.socket?.terminate();
  }
}
