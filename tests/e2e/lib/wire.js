// A forwarder in front of a server that records every datagram, for tshark, which knows nothing of RAA, to read.
//
// Always: forwards in both directions between one sender and the server; needs no permission to capture on an interface.

import dgram from 'node:dgram';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FIELDS = ['rtp.ssrc', 'rtp.p_type', 'rtp.marker', 'opus.TOC.config', 'rtcp.pt', 'rtcp.sdes.text', '_ws.malformed'];
/** "Raw IP" in a pcap file's header. */
const LINKTYPE_RAW = 101;

export class Wire {
  constructor(world, server) {
    this.world = world;
    this.server = server;
    this.datagrams = []; // { at, bytes }
  }

  async start() {
    this.inside = dgram.createSocket('udp4');
    this.outside = dgram.createSocket('udp4');
    let sender;
    this.inside.on('message', (bytes, from) => {
      sender = from;
      this.datagrams.push({ at: Date.now(), bytes });
      this.outside.send(bytes, this.server.udpPort, '127.0.0.1');
    });
    this.outside.on('message', (bytes) => sender && this.inside.send(bytes, sender.port, sender.address));
    for (const socket of [this.inside, this.outside]) await new Promise((bound) => socket.bind(0, '127.0.0.1', bound));
    this.port = this.inside.address().port;
    return this;
  }

  /** Whether the sender has sent an RTCP packet of this type, alone or in a compound. */
  hasRtcp(type) {
    return this.datagrams.some(({ bytes }) => {
      if (bytes[1] < 200 || bytes[1] > 207) return false;
      for (let at = 0; at + 4 <= bytes.length; at += 4 * (bytes.readUInt16BE(at + 2) + 1)) if (bytes[at + 1] === type) return true;
      return false;
    });
  }

  /** What tshark reads: { rtp: [{ ssrc, payloadTypes, marker, opusFrames }], rtcp: [{ types, text }], malformed }. A redundant packet
   * (RFC 2198) has its own payload type first and then those of its blocks. */
  read() {
    const path = join(this.world.artifacts, 'wire.pcap');
    writeFileSync(path, pcap(this.datagrams, this.server.udpPort));
    const text = execFileSync('tshark', ['-r', path, '-d', `udp.port==${this.server.udpPort},rtp`, '-d', 'rtp.pt==111,opus',
      '-d', 'rtp.pt==63,rtp_rfc2198', '-T', 'fields', '-E', 'separator=|', ...FIELDS.flatMap((field) => ['-e', field])], { encoding: 'utf8', maxBuffer: 1 << 26 });
    const packets = text.trim().split('\n').map((line) => line.split('|'));
    return {
      rtp: packets.filter(([ssrc]) => ssrc).map(([ssrc, payloadTypes, marker, tocs]) => ({
        ssrc: Number(ssrc), payloadTypes, marker: marker === '1' || marker === 'True', opusFrames: tocs.split(',').filter(Boolean).length,
      })),
      rtcp: packets.filter((packet) => packet[4]).map((packet) => ({ types: packet[4].split(',').map(Number), text: packet[5] })),
      malformed: packets.filter((packet) => packet[6]).length,
    };
  }

  stop() {
    this.inside?.close();
    this.outside?.close();
  }
}

function pcap(datagrams, port) {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65535, 16);
  head.writeUInt32LE(LINKTYPE_RAW, 20);
  return Buffer.concat([head, ...datagrams.flatMap(({ at, bytes }) => {
    const packet = ipPacket(bytes, port);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Math.floor(at / 1000), 0);
    record.writeUInt32LE((at % 1000) * 1000, 4);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    return [record, packet];
  })]);
}

// IPv4 (RFC 791) and UDP (RFC 768) from 127.0.0.1 to itself, without checksums.
function ipPacket(payload, port) {
  const head = Buffer.alloc(28);
  head.writeUInt8(0x45, 0);
  head.writeUInt16BE(28 + payload.length, 2);
  head.writeUInt8(64, 8);
  head.writeUInt8(17, 9);
  head.writeUInt32BE(0x7f000001, 12);
  head.writeUInt32BE(0x7f000001, 16);
  head.writeUInt16BE(50_000, 20);
  head.writeUInt16BE(port, 22);
  head.writeUInt16BE(8 + payload.length, 24);
  return Buffer.concat([head, payload]);
}
