// Opus through ffmpeg's libopus: encodes samples and decodes packets, in Ogg (RFC 3533, 7845).
//
// Always: decoded samples begin with the decoder's first one and none is skipped, so packet k of 20 ms has the samples
// from 960 k on, as in any other Opus decoder.

import { spawn } from 'node:child_process';
import { RATE } from './signal.js';

/** Encodes mono samples as Opus packets of 20 ms. */
export async function encodeOpus(samples, bitrate = 64_000) {
  const pcm = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const ogg = await ffmpeg(['-f', 'f32le', '-ar', `${RATE}`, '-ac', '1', '-i', 'pipe:0',
    '-c:a', 'libopus', '-b:a', `${bitrate}`, '-frame_duration', '20', '-f', 'ogg', 'pipe:1'], pcm);
  return oggPackets(ogg).slice(2); // OpusHead and OpusTags are no sound
}

/** Decodes Opus packets of 20 ms to mono samples. */
export async function decodeOpus(packets) {
  const ogg = buildOgg([opusHead(), opusTags(), ...packets]);
  const pcm = await ffmpeg(['-c:a', 'libopus', '-f', 'ogg', '-i', 'pipe:0', '-ac', '1', '-ar', `${RATE}`, '-f', 'f32le', 'pipe:1'], ogg);
  const samples = new Float32Array(pcm.length / 4);
  for (let i = 0; i < samples.length; i++) samples[i] = pcm.readFloatLE(i * 4);
  return samples;
}

function ffmpeg(args, input) {
  return new Promise((resolve, reject) => {
    const child = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    const out = [];
    const err = [];
    child.stdout.on('data', (bytes) => out.push(bytes));
    child.stderr.on('data', (bytes) => err.push(bytes));
    child.stdin.on('error', () => {}); // the exit code is more informative
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(Buffer.concat(out));
      else reject(new Error(`ffmpeg ended with ${code}: ${Buffer.concat(err)}`));
    });
    child.stdin.end(input);
  });
}

/** Returns the packets of an Ogg stream. */
export function oggPackets(ogg) {
  const packets = [];
  let parts = [];
  for (let at = 0; at < ogg.length;) {
    if (ogg.toString('latin1', at, at + 4) !== 'OggS') throw new Error(`no Ogg page at byte ${at}`);
    const segments = ogg[at + 26];
    let body = at + 27 + segments;
    for (let s = 0; s < segments; s++) {
      const length = ogg[at + 27 + s];
      parts.push(ogg.subarray(body, body + length));
      body += length;
      if (length < 255) {
        packets.push(Buffer.concat(parts));
        parts = [];
      }
    }
    at = body;
  }
  return packets;
}

// One packet per page is simple, and no page becomes too long.
function buildOgg(packets) {
  return Buffer.concat(packets.map((packet, i) => {
    const segments = Math.floor(packet.length / 255) + 1;
    const page = Buffer.alloc(27 + segments + packet.length);
    page.write('OggS', 0, 'latin1');
    page[5] = i === 0 ? 2 : i === packets.length - 1 ? 4 : 0;
    page.writeBigUInt64LE(BigInt(Math.max(0, i - 1) * 960), 6);
    page.writeUInt32LE(1, 14);
    page.writeUInt32LE(i, 18);
    page[26] = segments;
    page.fill(255, 27, 27 + segments - 1);
    page[27 + segments - 1] = packet.length % 255;
    packet.copy(page, 27 + segments);
    page.writeUInt32LE(oggChecksum(page), 22);
    return page;
  }));
}

function opusHead() {
  const head = Buffer.alloc(19);
  head.write('OpusHead', 0, 'latin1');
  head[8] = 1;
  head[9] = 1; // mono
  head.writeUInt16LE(0, 10); // pre-skip: keep every sample
  head.writeUInt32LE(RATE, 12);
  return head;
}

function opusTags() {
  return Buffer.concat([Buffer.from('OpusTags'), Buffer.from([3, 0, 0, 0]), Buffer.from('e2e'), Buffer.alloc(4)]);
}

function oggChecksum(bytes) {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) ^ CRC_TABLE[(crc >>> 24) ^ byte]) >>> 0;
  return crc;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, i) => {
  let r = (i << 24) >>> 0;
  for (let bit = 0; bit < 8; bit++) r = (r & 0x80000000 ? (r << 1) ^ 0x04c11db7 : r << 1) >>> 0;
  return r;
});
