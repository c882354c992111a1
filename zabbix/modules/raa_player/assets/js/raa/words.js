// The widget's texts in English and Japanese, in the language of the Zabbix user. Zabbix' own catalogue has none of them.

/** @typedef {(key: string, ...values: unknown[]) => string} Words gives a text; undefined for a reason that has none */

/** @type {Record<string, Record<string, string | ((...values: any[]) => string)>>} */
const TEXTS = {
  en: {
    play: 'Listen',
    stop: 'Stop',
    stopped: (mix) => `${mix} is not playing`,
    'needs-click': (mix) => `Click to hear ${mix}`,
    connecting: 'Connecting',
    playing: (mix) => `Playing ${mix}`,
    reconnecting: 'Reconnecting',
    offline: 'Server unreachable',
    failed: 'Cannot play',
    blocked: 'Blocked by the page’s policy',
    volume: 'Volume',
    mixer: 'Mixer',
    silent: 'No computer sounds.',
    nobody: 'No computers yet.',
    noList: 'The list of computers is not available now.',
    more: (n) => `and ${n} more`,
    muted: 'muted',
    offlineClient: 'offline',
    ended: (s) => `${s} s ago`,
    level: (dbfs) => `${dbfs} dB`,
    badAddress: (message) => `The settings of this widget are wrong: ${message}`,
    policy: (directive, host) => `The Content-Security-Policy of this Zabbix blocks connections to ${host} (directive: ${directive}). Let Zabbix’ web server pass a path such as /raa on to RAA and enter that path as the server, or add http://${host} and ws://${host} (https and wss if it has TLS) to ${directive}. Then reload this page.`,
    reason_unreachable: 'The RAA server does not answer. Check that it runs and that its address is right. Trying again.',
    'reason_no-upgrade': 'The server answers, but WebSockets do not pass. A proxy must forward the headers Upgrade and Connection; a server at another address must have this Zabbix in its allowed_origins.',
    'reason_origin-refused': 'The RAA server refuses this page. The proxy must pass on the header Host, or the address of this Zabbix must be in allowed_origins in raa-server.toml.',
    'reason_too-many': 'Too many pages are open at this network address. Close some, or raise max_listeners_per_address in raa-server.toml.',
    'reason_access-denied': 'A proxy refuses access or asks for a password.',
    'reason_not-raa': 'Something other than an RAA server answers. Check the server in this widget’s settings and the path in the proxy.',
    'reason_no-such-mix': 'The server has no mix of this name. Check the mix in this widget’s settings.',
    'reason_connection-lost': 'The connection was lost. Trying again.',
    'reason_no-data': 'The server stopped sending. Trying again.',
    'reason_server-stopped': 'The server was stopped. Trying again.',
    'reason_too-slow': 'This computer or its network was too slow. Trying again.',
    'reason_audio-device': 'The sound output of this computer does not start. Connect a loudspeaker, or end the program that has it to itself.',
    'reason_decoder-missing': 'The decoder could not be loaded. Check that the folder of the module was copied completely. Trying again.',
    'reason_decoder-blocked': 'The Content-Security-Policy of this Zabbix forbids WebAssembly (directive: script-src). Add \'wasm-unsafe-eval\' to it.',
    'reason_no-webassembly': 'This browser has no WebAssembly. Use a current browser.',
    'reason_no-web-audio': 'This browser cannot play sound on pages. Use a current browser, or allow Web Audio.',
    'reason_insecure-address': 'This Zabbix is on https and may not use a server on http. Let Zabbix’ web server pass a path such as /raa on to RAA, and enter that path as the server.',
  },
  ja: {
    play: '再生',
    stop: '停止',
    stopped: (mix) => `${mix} は停止中です`,
    'needs-click': (mix) => `クリックすると ${mix} を再生します`,
    connecting: '接続中',
    playing: (mix) => `${mix} を再生中`,
    reconnecting: '再接続中',
    offline: 'サーバーに接続できません',
    failed: '再生できません',
    blocked: 'ページのポリシーで遮断されています',
    volume: '音量',
    mixer: 'ミキサー',
    silent: '音の出ているコンピューターはありません。',
    nobody: 'コンピューターはまだありません。',
    noList: 'コンピューターの一覧を取得できません。',
    more: (n) => `ほか ${n} 台`,
    muted: 'ミュート中',
    offlineClient: 'オフライン',
    ended: (s) => `${s} 秒前`,
    level: (dbfs) => `${dbfs} dB`,
    badAddress: (message) => `ウィジェットの設定に誤りがあります: ${message}`,
    policy: (directive, host) => `この Zabbix の Content-Security-Policy が ${host} への接続を遮断しています (ディレクティブ: ${directive})。Zabbix の Web サーバーで /raa などのパスを RAA に転送し、そのパスを「サーバー」に設定してください。または ${directive} に http://${host} と ws://${host} (TLS の場合は https と wss) を追加してください。その後、このページを再読み込みしてください。`,
    reason_unreachable: 'RAA サーバーが応答しません。サーバーの動作とアドレスを確認してください。再試行しています。',
    'reason_no-upgrade': 'サーバーは応答しますが、WebSocket が通りません。プロキシの場合は Upgrade と Connection のヘッダーを転送してください。別のアドレスのサーバーの場合は、その allowed_origins にこの Zabbix を追加してください。',
    'reason_origin-refused': 'RAA サーバーがこのページを受け付けません。プロキシで Host ヘッダーを転送するか、raa-server.toml の allowed_origins にこの Zabbix のアドレスを追加してください。',
    'reason_too-many': 'このネットワークアドレスで開かれているページが多すぎます。いくつか閉じるか、raa-server.toml の max_listeners_per_address を増やしてください。',
    'reason_access-denied': 'プロキシがアクセスを拒否しているか、パスワードを求めています。',
    'reason_not-raa': '応答しているのは RAA サーバーではありません。ウィジェットの「サーバー」とプロキシのパスを確認してください。',
    'reason_no-such-mix': 'この名前のミックスはサーバーにありません。ウィジェットの「ミックス」を確認してください。',
    'reason_connection-lost': '接続が切れました。再試行しています。',
    'reason_no-data': 'サーバーからの音声が途絶えました。再試行しています。',
    'reason_server-stopped': 'サーバーが停止しました。再試行しています。',
    'reason_too-slow': 'このコンピューターまたはネットワークの速度が足りません。再試行しています。',
    'reason_audio-device': 'このコンピューターの音声出力が始まりません。スピーカーの接続と、ほかのプログラムが占有していないかを確認してください。',
    'reason_decoder-missing': 'デコーダーを読み込めません。モジュールのフォルダーがすべてコピーされているか確認してください。再試行しています。',
    'reason_decoder-blocked': 'この Zabbix の Content-Security-Policy が WebAssembly を禁止しています (ディレクティブ: script-src)。\'wasm-unsafe-eval\' を追加してください。',
    'reason_no-webassembly': 'このブラウザーでは WebAssembly を使えません。新しいブラウザーを使ってください。',
    'reason_no-web-audio': 'このブラウザーではページの音声を再生できません。新しいブラウザーを使うか、Web Audio を有効にしてください。',
    'reason_insecure-address': 'https の Zabbix から http のサーバーには接続できません。Zabbix の Web サーバーで /raa などのパスを RAA に転送し、そのパスを「サーバー」に設定してください。',
  },
};

/**
 * Returns text(key, ...values) in a language, given as in <html lang>; undefined for a key that has no text.
 * @param {string} lang @returns {Words}
 */
export function words(lang) {
  const texts = TEXTS[lang.slice(0, 2).toLowerCase()] ?? TEXTS.en ?? {};
  return (key, ...values) => {
    const entry = texts[key];
    return /** @type {string} */ (typeof entry === 'function' ? entry(...values) : entry);
  };
}

/** For the test that both languages have the same texts. */
export const LANGUAGES = TEXTS;
