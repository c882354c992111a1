//! Every text in both languages.
//!
//! Always: `&` stands before the letter that Alt chooses, in menus and in labels of the dialog
//! only; a text that opens a window ends with an ellipsis.

/// Makes [`Text`] of lines like `Name: "English", "Japanese";`.
macro_rules! texts {
    ($($name:ident: $english:literal, $japanese:literal;)*) => {
        /// What can be said.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Text {
            $(#[doc = concat!("\"", $english, "\"")] $name,)*
        }

        impl Text {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// In English and in Japanese.
            pub(super) fn languages(self) -> [&'static str; 2] {
                match self {
                    $(Self::$name => [$english, $japanese],)*
                }
            }
        }
    };
}

texts! {
    Product: "RAA client", "RAA クライアント";

    // The tray icon's tooltip.
    Tooltip: "RAA client: {state}", "RAA クライアント: {state}";
    TooltipHearing: "RAA client: {state}, {hearing}", "RAA クライアント: {state}、{hearing}";
    HearingGood: "reception good", "受信状態は良好です";
    HearingLosing: "reception: losing {percent} %", "受信側で {percent} % 欠落しています";
    HearingNotHeard: "not heard: the server has not answered", "サーバーから応答がありません (未達)";
    StateSending: "sending sound to {server}", "{server} へ音を送信中";
    StateSilent: "no sound at the moment, server {server}", "今は無音です (サーバー: {server})";
    StateMuted: "muted", "ミュート中";
    StateNoServer: "no server is set", "サーバーが設定されていません";

    // The tray icon's menu.
    MenuSettings: "&Settings…", "設定(&S)…";
    MenuMute: "&Mute", "ミュート(&M)";
    MenuStartWithWindows: "Start &with Windows", "Windows の起動時に自動起動(&W)";
    MenuOpenPage: "&Open the server's page", "サーバーのページを開く(&O)";
    MenuCopyDiagnostics: "&Copy diagnostics", "診断情報をコピー(&C)";
    MenuAbout: "&About…", "バージョン情報(&A)…";
    MenuQuit: "&Quit", "終了(&Q)";

    // The settings dialog.
    DialogTitle: "RAA client settings", "RAA クライアントの設定";
    ServerLabel: "&Server:", "サーバー(&S):";
    TestButton: "&Test", "テスト(&T)";
    NameLabel: "&Name:", "名前(&N):";
    SourceLabel: "S&ound:", "音源(&O):";
    LevelLabel: "Level:", "レベル:";
    LevelValue: "{level} dB", "{level} dB";
    LevelSilent: "silent", "無音";
    LevelMuted: "muted", "ミュート";
    StartWithWindows: "Start &with Windows", "Windows の起動時に自動的に起動する(&W)";
    Ok: "OK", "OK";
    Cancel: "Cancel", "キャンセル";
    SourceAutomatic: "Automatic: what this computer plays", "自動: このコンピューターで再生される音";
    SourceAbsent: "{device} (not connected)", "{device} (未接続)";

    // Below the server's field.
    ServerHint: "Its name or address, as in raa.example or 192.0.2.7:4010.",
        "名前またはアドレス (例: raa.example、192.0.2.7:4010)";
    ServerHost: "A server is written as HOST or HOST:PORT, without spaces.",
        "サーバーは「ホスト」または「ホスト:ポート」の形で、空白なしで入力してください。";
    ServerUrl: "Only the name or address, without http:// and slashes.",
        "http:// やスラッシュを付けず、名前またはアドレスだけを入力してください。";
    ServerPort: "The port, after the colon, is a number from 1 to 65535.",
        "コロンの後のポートは 1～65535 の数字です。";
    ServerBrackets: "An IPv6 address stands in brackets, as in [2001:db8::7]:4010.",
        "IPv6 アドレスは [2001:db8::7]:4010 のように角括弧で囲んでください。";
    SendingTo: "Sending to {address}.", "{address} へ送信中です。";
    TestRunning: "Looking for the server…", "サーバーを探しています…";
    TestNameNotFound: "The name {host} was not found.", "{host} という名前は見つかりません。";
    TestNameTimedOut: "Nobody told the address of {host} in time.",
        "{host} のアドレスを問い合わせましたが、応答がありません。";
    TestNoAnswer: "No RAA page answers at {address}.", "{address} の RAA のページが応答しません。";
    TestNotRaa: "What answers at {address} is no RAA server.",
        "{address} で応答したのは RAA サーバーではありません。";
    TestHttps: "{address} was found; a page with https:// cannot be tested.",
        "{address} が見つかりました。https:// のページはテストできません。";
    TestNoPage: "{address} was found; the page that the settings file names was not.",
        "{address} が見つかりました。設定ファイルのページは見つかりません。";
    TestFound: "Found RAA {version} at {address}.", "{address} に RAA {version} が見つかりました。";
    TestHearsSound: "Found RAA {version} at {address}. It hears this computer.",
        "{address} に RAA {version} が見つかりました。このコンピューターの音を受信しています。";
    TestHearsSilence: "Found RAA {version} at {address}. It hears this computer, which is silent.",
        "{address} に RAA {version} が見つかりました。通信は届いていますが、今は無音です。";
    TestHearsNothing: "Found RAA {version} at {address}. It does not hear this computer yet.",
        "{address} に RAA {version} が見つかりました。このコンピューターの音はまだ届いていません。";

    // Below the name's field.
    NameHint: "The server's page shows it.", "サーバーのページに表示されます。";
    NameRule: "A name has 1 to 64 characters; this one has {count}.",
        "名前は 1～64 文字です。今は {count} 文字です。";
    NameControl: "A name has printable characters only.", "名前に制御文字は使えません。";

    // Below the level meter.
    CaptureStarting: "Starting to capture…", "音の取り込みを開始しています…";
    CaptureOf: "{device} ({method})", "{device} ({method})";

    // Messages.
    DiagnosticsCopied: "The diagnostics are in the clipboard.",
        "診断情報をクリップボードにコピーしました。";
    ClipboardFailed: "The diagnostics could not be copied: {reason}",
        "診断情報をコピーできませんでした: {reason}";
    PageFailed: "{page} could not be opened: {reason}", "{page} を開けませんでした: {reason}";
    NotSaved: "The settings could not be saved: {reason}", "設定を保存できませんでした: {reason}";
    AutostartFailed: "Starting with Windows could not be changed: {reason}",
        "Windows の起動時の自動起動を変更できませんでした: {reason}";
    DialogFailed: "The settings could not be shown: {reason}", "設定を表示できませんでした: {reason}";
    FaultsTitle: "Please look at the settings", "設定を確認してください";
    FaultValue: "{file}: {key} is \"{value}\", allowed are {allowed}",
        "{file}: {key} の値「{value}」は使えません。使える値: {allowed}";
    FaultUnknownKey: "{file}: the key {key} is unknown", "{file}: {key} というキーはありません";
    FaultTwice: "{file}: {key} stands there twice; the first one counts",
        "{file}: {key} が二度あります。最初のものを使います";
    FaultNoSection: "{file}: nothing stands below [raa-client], so nothing of it is used",
        "{file}: [raa-client] の下に何もないため、使われません";
    FaultSharedSsrc: "{file}: ssrc is not used, because every computer with this file would have the same one",
        "{file}: 複数のコンピューターで同じ値になるため、ssrc は使われません";
    FaultUnreadable: "{file} cannot be read: {reason}", "{file} を読み取れません: {reason}";
    FaultDamaged: "{file} is damaged: {reason}", "{file} が壊れています: {reason}";
    FaultKept: "{file} is damaged: {reason}; it is kept as {copy}",
        "{file} が壊れています: {reason}。元のファイルは {copy} に保存しました";
    AboutTitle: "About RAA client", "RAA クライアントについて";
    AboutMessage: "RAA client {version}\n\nSends what this computer plays to an RAA server.\n\nSettings: {settings}\nLog: {log}\n\nMIT or Apache-2.0 license",
        "RAA クライアント {version}\n\nこのコンピューターで再生される音を RAA サーバーへ送信します。\n\n設定: {settings}\nログ: {log}\n\nMIT または Apache-2.0 ライセンス";
}
