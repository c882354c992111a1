// A small room: three computers that are connected and silent, and may beep.

import { eventually } from './processes.js';

/** One Opus frame of silence, as a list of packets. */
export const SILENCE = [Buffer.from([0xf8, 0xff, 0xfe])];

/** Connects the three computers with these IDs; returns their senders by ID. @param {string[]} ids */
export async function threeComputers(world, server, ids) {
  const senders = {};
  for (const [i, name] of ['Fire panel PC', 'Gate 2 intercom', 'Pumping station'].entries()) {
    senders[ids[i]] = await world.sender(server, { ssrc: parseInt(ids[i], 16), name, packets: SILENCE, repeat: true });
    await server.client(ids[i], (client) => client.name === name);
  }
  return senders;
}

/** Lets a silent computer send these packets once. Returns the entry of the sound, which has ended and is on the disk. */
export async function beep(server, sender, id, packets) {
  const newest = async () => (await server.get(`/api/log?limit=1&client=${id}&kind=sound`)).entries[0];
  const before = (await newest())?.id ?? 0;
  sender.once(packets);
  return eventually(`the beep of ${id} has ended`, async () => {
    const entry = await newest();
    return entry?.id > before && entry.ended_ms ? entry : null;
  });
}
