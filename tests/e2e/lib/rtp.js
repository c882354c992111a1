// The parts of RTP and RTCP (RFC 3550) that the tests send and read, written independently of the product's code, so that
// the two check each other.

export const PAYLOAD_TYPE = 111;

export function buildRtp({ sequence, timestamp, ssrc, marker = false, payload, payloadType = PAYLOAD_TYPE }) {
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header[1] = (marker ? 0x80 : 0) | payloadType;
  header.writeUInt16BE(sequence & 0xffff, 2);
  header.writeUInt32BE(timestamp >>> 0, 4);
  header.writeUInt32BE(ssrc >>> 0, 8);
  return Buffer.concat([header, payload]);
}

/** Parses a packet of the mix, which has a plain 12-byte header. */
export function parseRtp(bytes) {
  if (bytes.length < 13 || bytes[0] !== 0x80) throw new Error(`not a plain RTP packet: ${bytes.subarray(0, 16).toString('hex')}`);
  return {
    payloadType: bytes[1] & 0x7f,
    sequence: bytes.readUInt16BE(2),
    timestamp: bytes.readUInt32BE(4),
    ssrc: bytes.readUInt32BE(8),
    payload: bytes.subarray(12),
  };
}

/** Returns an RTCP compound packet with a sender's name: an empty receiver report, then SDES with CNAME and NAME. */
export function buildSdes(ssrc, name) {
  const report = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 0]);
  report.writeUInt32BE(ssrc >>> 0, 4);
  const item = (type, text) => Buffer.concat([Buffer.from([type, Buffer.byteLength(text)]), Buffer.from(text)]);
  const items = Buffer.concat([item(1, `e2e-${ssrc.toString(16)}`), item(2, name), Buffer.alloc(1)]);
  const chunk = Buffer.alloc(4 + Math.ceil(items.length / 4) * 4);
  chunk.writeUInt32BE(ssrc >>> 0, 0);
  items.copy(chunk, 4);
  const header = Buffer.from([0x81, 202, 0, chunk.length / 4]);
  return Buffer.concat([report, header, chunk]);
}
