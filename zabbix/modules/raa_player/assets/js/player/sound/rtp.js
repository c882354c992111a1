// RTP packets (RFC 3550 section 5.1) in the server's form: a 12-byte header and a payload.
// Always: anything else gives null; nothing throws.

const HEADER = 12;

/**
 * @param {ArrayBuffer} data one WebSocket message
 * @returns {{sequence: number, timestamp: number, ssrc: number, payload: Uint8Array} | null}
 */
export function parseRtp(data) {
  if (!(data instanceof ArrayBuffer) || data.byteLength <= HEADER) return null;
  const view = new DataView(data);
  // Version 2, without padding, header extension or CSRCs.
  if (view.getUint8(0) !== 0x80) return null;
  return {
    sequence: view.getUint16(2),
    timestamp: view.getUint32(4),
    ssrc: view.getUint32(8),
    payload: new Uint8Array(data, HEADER),
  };
}
