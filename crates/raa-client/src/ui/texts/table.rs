//! Every text of the user interface in both languages.
//!
//! Always: `&` stands before the letter that Alt chooses, in menus and labels only; a text that opens
//! a window ends with an ellipsis.

/// Makes [`Text`] from lines such as `Name: "English", "Japanese";`.
macro_rules! texts {
    ($($name:ident: $english:literal, $japanese:literal;)*) => {
        /// A text, named after its purpose.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Text {
            $(#[doc = concat!("\"", $english, "\"")] $name,)*
        }

        impl Text {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the text in English and in Japanese.
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

    // The tooltip of the tray icon.
    Tooltip: "RAA client: {state}", "RAA クライアント: {state}";
    TooltipReception: "RAA client: {state}, {reception}", "RAA クライアント: {state}、{reception}";
    ReceptionGood: "reception good", "受信状態は良好";
    ReceptionLosing: "the server loses {percent} % of the packets", "サーバーでのパケット損失 {percent} %";
    ReceptionNone: "no reports from the server", "サーバーから応答なし";
    StateSending: "sending sound to {server}", "{server} へ音声を送信中";
    StateSilent: "silent, server {server}", "無音 (サーバー: {server})";
    StateMuted: "muted", "ミュート中";
    StateNoServer: "no server is set", "サーバーが設定されていません";

    // The menu of the tray icon.
    MenuSettings: "&Settings…", "設定(&S)…";
    MenuMute: "&Mute", "ミュート(&M)";
    MenuStartWithWindows: "Start &with Windows", "Windows の起動時に自動的に起動(&W)";
    MenuOpenPage: "&Open server page", "サーバーのページを開く(&O)";
    MenuCopyDiagnostics: "&Copy diagnostics", "診断情報をコピー(&C)";
    MenuAbout: "&About…", "バージョン情報(&A)…";
    MenuQuit: "E&xit", "終了(&X)";

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
    SourceAutomatic: "Automatic: everything this computer plays", "自動: このコンピューターで再生されるすべての音";
    SourceAbsent: "{device} (not connected)", "{device} (未接続)";

    // The note below the server field.
    ServerHint: "Name or address, such as raa.example or 192.0.2.7:4010.",
        "名前またはアドレス (例: raa.example、192.0.2.7:4010)";
    ServerHost: "This is no name or address. Enter HOST or HOST:PORT.",
        "名前またはアドレスとして正しくありません。「ホスト名」または「ホスト名:ポート」の形式で入力してください。";
    ServerScheme: "Enter the server's name or address, or the http:// address of its page.",
        "サーバーの名前またはアドレスか、http:// で始まるページのアドレスを入力してください。";
    ServerPort: "The port after the colon must be a number from 1 to 65535.",
        "コロンの後のポートは 1～65535 の数字で指定してください。";
    ServerBrackets: "Enclose an IPv6 address before a port in brackets: [2001:db8::7]:4010.",
        "ポートを付ける場合、IPv6 アドレスは [2001:db8::7]:4010 のように角かっこで囲んでください。";
    SendingTo: "Sending to {address}.", "{address} へ送信しています。";
    TestRunning: "Testing the server…", "サーバーをテストしています…";
    TestNameNotFound: "The name {host} was not found.", "{host} という名前が見つかりません。";
    TestNameTimedOut: "Looking up {host} timed out.", "{host} の名前解決がタイムアウトしました。";
    TestNoAnswer: "The RAA page at {address} does not respond.", "{address} の RAA のページが応答しません。";
    TestNotRaa: "{address} is not an RAA server.", "{address} は RAA サーバーではありません。";
    TestHttps: "{address} was found, but pages with https:// cannot be tested.",
        "{address} が見つかりましたが、https:// のページはテストできません。";
    TestNoPage: "{address} was found, but the page in the settings file was not.",
        "{address} が見つかりましたが、設定ファイルのページは見つかりません。";
    TestFound: "Found RAA {version} at {address}.", "{address} に RAA {version} が見つかりました。";
    TestSounding: "Found RAA {version} at {address}. It receives sound from this computer.",
        "{address} に RAA {version} が見つかりました。このコンピューターの音声を受信しています。";
    TestConnected: "Found RAA {version} at {address}. This computer is connected and silent.",
        "{address} に RAA {version} が見つかりました。このコンピューターは接続中で、今は無音です。";
    TestTaken: "Found RAA {version} at {address}. Another computer has the same number.",
        "{address} に RAA {version} が見つかりました。別のコンピューターが同じ番号を使っています。";
    TestOffline: "Found RAA {version} at {address}. It receives nothing from this computer yet.",
        "{address} に RAA {version} が見つかりました。このコンピューターからはまだ受信していません。";

    // The note below the name field.
    NameHint: "Shown on the server page.", "サーバーのページに表示されます。";
    NameLength: "The name must have 1 to 64 characters; it has {count}.",
        "名前は 1～64 文字で入力してください (現在 {count} 文字)。";
    NameControl: "The name must not contain control characters.", "名前に制御文字は使えません。";
    NameInvisible: "The name must have at least one visible character.",
        "名前には、目に見える文字を 1 文字以上入力してください。";

    // The note below the level meter.
    CaptureStarting: "Starting to capture…", "音声の取り込みを開始しています…";
    CaptureOf: "{device} ({method})", "{device} ({method})";

    // Messages.
    DiagnosticsCopied: "The diagnostics have been copied to the clipboard.",
        "診断情報をクリップボードにコピーしました。";
    ClipboardFailed: "The diagnostics could not be copied: {reason}",
        "診断情報をコピーできませんでした: {reason}";
    PageFailed: "{page} could not be opened: {reason}", "{page} を開けませんでした: {reason}";
    NotSaved: "The settings could not be saved: {reason}", "設定を保存できませんでした: {reason}";
    AutostartFailed: "Starting with Windows could not be changed: {reason}",
        "自動起動の設定を変更できませんでした: {reason}";
    DialogFailed: "The settings could not be opened: {reason}", "設定画面を開けませんでした: {reason}";
    FaultsTitle: "Please check the settings", "設定を確認してください";
    AboutTitle: "About RAA client", "RAA クライアントのバージョン情報";
    AboutMessage: "RAA client {version}\n\nSends everything this computer plays to an RAA server.\n\nSettings: {settings}\nLog: {log}\n\nLicense: MIT or Apache-2.0",
        "RAA クライアント {version}\n\nこのコンピューターで再生される音を RAA サーバーへ送信します。\n\n設定: {settings}\nログ: {log}\n\nライセンス: MIT または Apache-2.0";
}
