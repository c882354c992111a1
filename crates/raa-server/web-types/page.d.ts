// The shapes that the page's files share: texts, the room, and the elements of index.html.
//
// Always: ids, templates and parts are those of index.html (a test compares them).

declare namespace Raa {
  type English = typeof import('../web/texts/en.js').EN;
  /** The texts of a language: the same keys with the same values. */
  type Texts = { [K in keyof English]: English[K] extends (...values: infer Values) => string ? (...values: Values) => string : string };
  type Key = keyof Texts;
  /** A text without values. */
  type PlainKey = { [K in Key]: Texts[K] extends string ? K : never }[Key];
  type ValuesOf<Entry> = Entry extends (...values: infer Values) => string ? Values : [];

  /** Gives a text in the person's language; none for a key that is made of a word which this page does not know. */
  interface Text {
    <K extends Key>(key: K, ...values: ValuesOf<Texts[K]>): string;
    (key: string, ...values: unknown[]): string | undefined;
  }

  /** The server's state as feed.js gives it: ages instead of times. */
  interface Client extends ClientRow {
    now_ms: number;
    rms_dbfs: number;
    last_packet_ms_ago: number | null;
    last_sound_ms_ago: number | null;
  }

  interface RefusedSender extends RefusedRow {
    since_ms_ago: number | null;
    last_ms_ago: number | null;
  }

  interface Server extends Omit<ServerRow, 'refused_senders'> {
    refused?: RefusedSender[];
  }

  interface State {
    clients: Client[];
    server: Omit<ServerRow, 'refused_senders'>;
    refused: RefusedSender[];
  }

  type Computer = import('../web/room/room.js').Computer;
  /** A computer that sounds or has sounded. */
  type Sounded = Computer & { began: number };

  /** What the parts of the page share. */
  interface Room {
    text: Text;
    notes: import('../web/parts/notes.js').Notes;
    changes: import('../web/changes/changes.js').Changes;
    history: import('../web/room/history.js').History;
    meters: import('../web/parts/meter.js').Meters;
    /** The time on the server's clock. */
    now(): number;
    /** The newest whole second on the server's clock. */
    second(): number;
    peaksOf(id: string): import('../web/room/strip.js').Peaks;
    open(id: string): void;
    seen(computer: Computer): void;
    allSeen(): void;
    refresh(): void;
    nameOf(id: string | null): string;
    /** Whether nobody can hear the computer. */
    isUnheard(id: string | null): boolean;
    memory: import('../web/page/memory.js').Memory;
    groups: import('../web/changes/arranging.js').Arranging;
    /** Opens the panel of a group; null: of a new one. */
    openGroup(id: number | null): void;
    focusList(): void;
  }

  /** A section of the places: a group, the computers without one (null), or those that came since. */
  type SectionId = number | null | 'new';

  /** The player as the bands show it. */
  interface PlayerState {
    state: string;
    trouble: string;
  }

  /** The elements of index.html by id, where more than an HTMLElement is needed. */
  interface Elements {
    desk: HTMLInputElement;
    icon: HTMLLinkElement;
    language: HTMLSelectElement;
    'player-volume': HTMLInputElement;
    search: HTMLInputElement;
    settings: HTMLDialogElement;
    'single-keys': HTMLInputElement;
    theme: HTMLSelectElement;
  }

  type Named<Names extends string, Others = {}> = Record<Names, HTMLElement> & Others;

  /** The parts of the templates of index.html, by data-part. */
  interface Parts {
    'column-template': {};
    'group-template': Named<'name' | 'count' | 'sounding' | 'unseen', { fold: HTMLButtonElement; more: HTMLButtonElement }>;
    'group-panel-template': Named<'title' | 'close' | 'naming' | 'actions' | 'remove' | 'members', { input: HTMLInputElement; up: HTMLButtonElement; down: HTMLButtonElement }>;
    'row-template': Named<'name' | 'warned' | 'loss' | 'meter' | 'rms' | 'peak' | 'last' | 'fader' | 'percent' | 'mute' | 'more', { strip: SVGSVGElement; volume: HTMLInputElement }>;
    'card-template': Named<'name' | 'warned' | 'loss' | 'time' | 'rms' | 'peak' | 'db' | 'was' | 'seen' | 'seenBy' | 'muted'>;
    'chip-template': Named<'rms' | 'peak' | 'name' | 'words' | 'hear'>;
    'entry-template': Named<'time' | 'name' | 'detail' | 'seen' | 'undo'>;
    'panel-template': Named<
      'title' | 'close' | 'problem' | 'naming' | 'less' | 'fader' | 'plus' | 'percent' | 'mute15' | 'mute60' | 'muteEver' | 'unmute' | 'muteState' | 'grouping' | 'facts' | 'threshold' |
      'common' | 'offline' | 'forget' | 'sure' | 'yes' | 'no',
      { input: HTMLInputElement; volume: HTMLInputElement; group: HTMLSelectElement; groupName: HTMLInputElement; from: HTMLInputElement; up: HTMLButtonElement; down: HTMLButtonElement }>;
    'folded-template': Named<'words' | 'toggle' | 'forget' | 'sure' | 'question' | 'no' | 'yes'>;
    'desk-name-template': Named<never, { input: HTMLInputElement }>;
  }
}
