// The shapes of what the server sends and takes (docs/protocol.md), as the page reads them.
//
// Always: what the server's description says (`./test unit` compares the two), without what the page does not use; a field that an
// older server does not send is optional.

declare namespace Raa {
  /** Who did something. */
  interface By {
    kind: 'desk' | 'address' | 'server';
    name: string;
    address: string | null;
  }

  type Status = 'sounding' | 'connected' | 'offline';
  type Quality = 'good' | 'fair' | 'bad';

  /** RMS and peak in dBFS. */
  type Level = [number, number];
  /** The newest level of each sounding client, by id. */
  type Levels = Record<string, Level>;

  /** What of a client can be changed for everyone. */
  interface ClientSettings {
    name: string;
    volume: number;
    muted: boolean;
    sounding_from_dbfs?: number;
    configured?: boolean;
  }

  /** A client in the events. Times are on the server's clock. */
  interface ClientRow extends ClientSettings {
    id: string;
    status: Status;
    muted_by?: By | null;
    muted_since_ms?: number | null;
    muted_until_ms?: number | null;
    volume_by?: By | null;
    volume_since_ms?: number | null;
    group?: number | null;
    place?: number | null;
    address?: string | null;
    seen_before?: boolean;
    last_packet_at_ms?: number | null;
    last_sound_at_ms?: number | null;
    last_sound_began_at_ms?: number | null;
    last_sound_peak_dbfs?: number | null;
    last_sound_id?: number | null;
    last_sound_seen?: boolean;
    steady?: boolean;
    quality?: Quality | null;
    concealed_percent?: number | null;
    delay_ms?: number | null;
    conflict?: string | null;
    withheld?: string | null;
    capture_trouble?: string | null;
  }

  interface GroupRow {
    id: number;
    name: string;
  }

  interface WallRow {
    id: number;
    name: string;
    address: string;
    state: 'playing' | 'needs_click' | 'stopped' | 'no_sound' | 'gone';
    since_ms: number;
    delay_ms?: number | null;
  }

  interface RefusedRow {
    address: string;
    reason: string;
    packets: number;
    since_at_ms: number;
    last_at_ms: number;
    payload_type?: number | null;
    ssrc?: number | null;
  }

  /** The server in the events. Nothing is known of it before the first message. */
  interface ServerRow {
    version?: string;
    udp_port?: number;
    listeners?: number;
    epoch_ms?: number;
    groups_revision?: number;
    groups?: GroupRow[];
    walls?: WallRow[];
    refused_senders?: RefusedRow[];
  }

  interface WholeMessage {
    type: 'whole';
    revision: number;
    now_ms: number;
    clients: ClientRow[];
    server: ServerRow;
  }

  /** Only what has changed; a client has its id and the fields with news. */
  interface ChangesMessage {
    type: 'changes';
    from: number;
    revision: number;
    now_ms: number;
    clients?: (Partial<ClientRow> & { id: string })[];
    gone?: string[];
    server?: ServerRow;
  }

  interface LevelsMessage {
    type: 'levels';
    levels: Levels;
  }

  interface LogMessage {
    type: 'log';
    first?: boolean;
    entries: Entry[];
  }

  /** All peaks: bytes in base64 by id, for the seconds before `to_s`. */
  interface AllPeaksMessage {
    type: 'peaks';
    first: true;
    to_s: number;
    clients: Record<string, string>;
  }

  /** The peaks of one second. */
  interface PeaksMessage {
    type: 'peaks';
    first?: false;
    at_s: number;
    clients: Record<string, number>;
  }

  type StateMessage = WholeMessage | ChangesMessage | LevelsMessage;
  type Message = StateMessage | LogMessage | AllPeaksMessage | PeaksMessage;

  /** What a page tells the server about itself. */
  interface PageMessage {
    type: 'page';
    view: 'desk' | 'wall';
    name: string;
    state: 'playing' | 'needs_click' | 'stopped' | 'no_sound';
    delay_ms: number | null;
  }

  interface MuteState {
    muted: boolean;
    until_ms: number | null;
  }

  interface EntryOf<Kind extends string, Value> {
    id: number;
    at_ms: number;
    kind: Kind;
    client: string | null;
    name: string;
    ended_ms: number | null;
    peak_dbfs: number | null;
    count: number;
    by: By | null;
    from: Value | null;
    to: Value | null;
    seen_by: By | null;
    seen_at_ms?: number | null;
    undone: boolean;
  }

  /** An entry of the log. */
  type Entry =
    | EntryOf<'muted' | 'unmuted' | 'mute_ended', MuteState>
    | EntryOf<'volume' | 'sounding_from', number>
    | EntryOf<'name' | 'capture' | 'server_started', string>
    | EntryOf<'sound' | 'connected' | 'offline' | 'network_bad' | 'suppressed' | 'forgotten' | 'groups' | 'server_stopped', null>;

  interface LogBody {
    entries: Entry[];
    next_before?: number | null;
    now_ms: number;
    from_memory: boolean;
  }

  interface Group extends GroupRow {
    clients: string[];
  }

  /** A group as it is written: a new one has no id yet. */
  interface GroupPut {
    id?: number;
    name: string;
    clients: string[];
  }

  interface Groups<G = Group> {
    revision: number;
    groups: G[];
  }

  /** The fields of a change; `muted_for_s` only together with `muted`. */
  interface ClientPatch {
    name?: string | null;
    volume?: number;
    muted?: boolean;
    muted_for_s?: number | null;
    sounding_from_dbfs?: number | null;
  }

  interface Stats {
    received: number;
    lost: number;
    late: number;
    duplicate: number;
    reordered: number;
    concealed: number;
    repaired: number;
    loss_percent: number | null;
    concealed_percent: number | null;
    delay_ms: number;
    target_delay_ms: number;
    drift_ppm: number;
    jitter_ms: number;
  }

  /** A client with all its figures. */
  interface ClientBody extends ClientSettings {
    id: string;
    status: Status;
    address: string | null;
    quality: Quality | null;
    seen_before: boolean;
    last_packet_ms_ago: number | null;
    round_trip_ms: number | null;
    capture_to_mix_ms: number | null;
    stats: Stats;
  }

  /** The answer to a change. */
  interface ChangedClient extends ClientBody {
    now_ms: number;
  }

  interface ErrorDetail {
    code: string;
    message: string;
  }

  interface ErrorBody {
    error?: ErrorDetail;
  }
}
