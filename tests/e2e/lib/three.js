// A small room: three computers that are connected and silent.

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
