// The clients and the server as the events describe them (docs/protocol.md): the whole first, then only what changes.
//
// Always: pure; knows exactly what the server knew at `now_ms`, or says that it has lost track; ages are those at that moment,
// so the page needs no clock of the server.

/** The events of a server that has begun again count from zero: they are older than an answer by more than any delay. */
const BEGAN_AGAIN_MS = 5000;

export class Feed {
  /** @type {number | null} of the state; null before the first one */
  #revision = null;
  #nowMs = 0;
  /** @type {Map<string, Raa.ClientRow>} by id, as in the messages */
  #rows = new Map();
  /** @type {Raa.ServerRow} */
  #server = {};
  /** The newest [RMS, peak] in dBFS of each sounding client, by id. @type {Raa.Levels} */
  levels = {};

  /**
   * Takes a message; those of an unknown type mean nothing.
   * @param {Raa.Message} message
   * @returns {'state' | 'levels' | 'nothing' | 'lost'} the news; 'lost': a message is missing, only a new connection helps
   */
  take(message) {
    if (message.type === 'levels') {
      this.levels = message.levels;
      return 'levels';
    }
    if (message.type === 'whole') [this.#rows, this.#server, this.levels] = [new Map(), {}, {}];
    else if (message.type !== 'changes') return 'nothing';
    else if (message.from !== this.#revision) return 'lost';
    this.#revision = message.revision;
    this.#nowMs = message.now_ms;
    for (const row of message.clients ?? []) this.#rows.set(row.id, /** @type {Raa.ClientRow} */ ({ ...this.#rows.get(row.id), ...row }));
    if (message.type === 'changes') for (const id of message.gone ?? []) this.#rows.delete(id);
    Object.assign(this.#server, message.server);
    return 'state';
  }

  /** Forgets the state, which the next connection brings. */
  reset() {
    this.#revision = null;
  }

  /** The time of the state, on the server's clock. */
  get nowMs() {
    return this.#nowMs;
  }

  /** Returns the clients and the server, with ages instead of times, and each client's level. @returns {Raa.State} */
  get state() {
    const { refused_senders: refused, ...server } = this.#server;
    return {
      clients: [...this.#rows.values()].map((row) => this.#clientOf(row)),
      server,
      refused: (refused ?? []).map((sender) => ({ ...sender, since_ms_ago: this.#msAgo(sender.since_at_ms), last_ms_ago: this.#msAgo(sender.last_at_ms) })),
    };
  }

  /** @param {Raa.ClientRow} row @returns {Raa.Client} */
  #clientOf(row) {
    const isSounding = row.status === 'sounding';
    return {
      ...row,
      now_ms: this.#nowMs,
      rms_dbfs: isSounding ? this.levels[row.id]?.[0] ?? -120 : -120,
      last_packet_ms_ago: this.#msAgo(row.last_packet_at_ms),
      last_sound_ms_ago: isSounding ? 0 : this.#msAgo(row.last_sound_at_ms),
    };
  }

  /** @param {number | null | undefined} atMs */
  #msAgo(atMs) {
    return atMs === null || atMs === undefined ? null : this.#nowMs - atMs;
  }
}

/**
 * Returns a client with the settings of the server's answer to a change, if the events do not know the change yet.
 * @param {Raa.Client} client as in the events @param {Raa.ChangedClient | null} answer to PATCH
 * @returns {Raa.Client}
 */
export function withAnswer(client, answer) {
  if (answer === null) return client;
  const olderByMs = answer.now_ms - client.now_ms;
  if (!(olderByMs >= 0 && olderByMs < BEGAN_AGAIN_MS)) return client;
  const { name, volume, muted, sounding_from_dbfs, configured } = answer;
  return { ...client, name, volume, muted, sounding_from_dbfs, configured };
}
