//! Troubles and capture methods in the user's language.
//!
//! The English texts are those of the values themselves, so dialogs, diagnostics and log agree.
//!
//! Always: a value without a Japanese text does not compile; the system's own explanation of an error
//! is not translated.

use super::Language;
use crate::status::{
    CaptureFault, CaptureMethod, CaptureTrouble, ConversionError, SoundServerTrouble, Trouble,
    WindowsError,
};

impl Language {
    /// Returns the capture method's name.
    pub(crate) fn method(self, method: CaptureMethod) -> String {
        match self {
            Self::English => method.to_string(),
            Self::Japanese => self::method(method).into(),
        }
    }

    /// Returns the trouble as part of a sentence.
    pub(crate) fn trouble(self, trouble: &Trouble) -> String {
        match self {
            Self::English => trouble.to_string(),
            Self::Japanese => self::trouble(trouble),
        }
    }
}

fn method(method: CaptureMethod) -> &'static str {
    match method {
        CaptureMethod::ProcessLoopback => "プロセス ループバック",
        CaptureMethod::EndpointLoopback => "エンドポイント ループバック",
        CaptureMethod::CaptureDevice => "録音デバイス",
        CaptureMethod::SinkMonitor => "既定のシンクのモニター",
    }
}

fn trouble(trouble: &Trouble) -> String {
    match trouble {
        Trouble::NotStarted(reason) => format!("開始できません: {reason}"),
        Trouble::NoCapture(reason) => format!("音声を取り込めません: {}", capture(reason)),
        Trouble::Capture { method, reason } => {
            format!("{}: {}", self::method(*method), capture(reason))
        }
        Trouble::SoundServer(reason) => sound_server(reason),
        Trouble::File { path, reason } => format!("{path} を再生できません: {reason}"),
        Trouble::Muted { device } => {
            format!("{device} がこのコンピューターの音量設定でミュートされています")
        }
        Trouble::TurnedDown { device, db } => {
            format!("{device} の音量がこのコンピューターの音量設定で {db} dB まで下げられています")
        }
        Trouble::Resolve { server, reason } => {
            format!("{server} の名前を解決できません: {reason}")
        }
        Trouble::NoRoute { to, reason } => format!("{to} への経路がありません: {reason}"),
        Trouble::SsrcTaken => {
            "別のコンピューターが同じ番号を使っているため、サーバーで再生されません".into()
        }
        Trouble::Send { to, reason } => format!("{to} へ送信できません: {reason}"),
    }
}

fn capture(trouble: &CaptureTrouble) -> String {
    match trouble {
        CaptureTrouble::Windows { error, code } => windows(error, *code),
        CaptureTrouble::Wasapi(reason) => reason.clone(),
        CaptureTrouble::NoAnswer(limit) => {
            format!("Windows から {} 秒以内に応答がありません", limit.as_secs())
        }
        CaptureTrouble::UnknownDevice(id) => {
            format!("デバイス {id} はこのコンピューターにありません")
        }
        CaptureTrouble::NoProgram(name) => format!("{name} が実行されていません"),
        CaptureTrouble::Format {
            is_float,
            bits,
            frame_bytes,
        } => {
            let kind = if *is_float {
                "浮動小数点"
            } else {
                "整数"
            };
            format!(
                "未対応のサンプル形式です ({kind} {bits} ビット、1 フレーム {frame_bytes} バイト)"
            )
        }
        CaptureTrouble::PacketLength(frames) => {
            format!("待機中のフレーム数として {frames} が報告されました")
        }
        CaptureTrouble::Conversion(error) => conversion(error),
        CaptureTrouble::Fault(fault) => self::fault(*fault),
        CaptureTrouble::Thread(reason) => format!("スレッドを開始できません: {reason}"),
    }
}

fn windows(error: &WindowsError, code: u32) -> String {
    let words = match error {
        WindowsError::DeviceInvalidated => {
            "デバイスが取り外されたか、無効にされたか、設定が変更されました"
        }
        WindowsError::ResourcesInvalidated => "デバイスのリソースが Windows によって解放されました",
        WindowsError::DeviceInUse => "別のプログラムがデバイスを排他モードで使用しています",
        WindowsError::ServiceNotRunning => "Windows Audio サービスが実行されていません",
        WindowsError::ServiceStopped => "Windows Audio サービスが停止しました",
        WindowsError::ServiceUnreachable => "Windows Audio サービスに接続できません",
        WindowsError::EndpointCreateFailed => {
            "デバイスを開けません。接続されていない可能性があります"
        }
        WindowsError::WrongEndpointType => "このデバイスはこの方式では取り込めません",
        WindowsError::UnsupportedFormat => "デバイスが自身の形式を受け付けません",
        WindowsError::AccessDenied => {
            "アクセスが拒否されました。Windows のマイクのプライバシー設定を確認してください"
        }
        WindowsError::NoDevice => "該当するサウンド デバイスがありません",
        WindowsError::NotSupported => "このバージョンの Windows では使用できません",
        WindowsError::Other(message) if message.is_empty() => return format!("0x{code:08X}"),
        WindowsError::Other(message) => message,
    };
    format!("{words} (0x{code:08X})")
}

fn fault(fault: CaptureFault) -> String {
    match fault {
        CaptureFault::NotFinite => "数値として無効なサンプルが届いています".into(),
        CaptureFault::TooLoud(dbfs) => format!("{dbfs:.0} dBFS のサンプルが届いています"),
        CaptureFault::Noise => "大きな雑音だけが届いています".into(),
        CaptureFault::Stuck => "同じ値だけが届き続けています".into(),
        CaptureFault::WrongRate(rate) => {
            format!("1 秒あたり 48000 ではなく {rate} サンプルが届いています")
        }
        CaptureFault::Gaps(count) => format!("10 秒間に {count} 回、音が途切れました"),
        CaptureFault::Stopped => "データが届かなくなりました".into(),
        CaptureFault::Deaf => "デバイスは再生中ですが、無音が届いています".into(),
    }
}

fn conversion(error: &ConversionError) -> String {
    match error {
        ConversionError::Rate(rate) => {
            format!("サンプル レートが {rate} Hz です。1000～768000 Hz である必要があります")
        }
        ConversionError::Channels(channels) => {
            format!("チャンネル数が {channels} です。1 以上である必要があります")
        }
        ConversionError::Resampler { rate, reason } => {
            format!("{rate} Hz から変換できません: {reason}")
        }
    }
}

fn sound_server(trouble: &SoundServerTrouble) -> String {
    match trouble {
        SoundServerTrouble::NoRuntimeFolder => "XDG_RUNTIME_DIR が設定されていません".into(),
        SoundServerTrouble::Address(value) => format!(
            "PULSE_SERVER が {value:?} です。このコンピューターのソケット (unix:PATH) を指定してください"
        ),
        SoundServerTrouble::NotRunning { path, reason } => {
            format!("{path} にサウンド サーバーがありません: {reason}")
        }
        SoundServerTrouble::NoSink => "サウンド サーバーにシンクがありません".into(),
        SoundServerTrouble::StreamEnded => {
            "サウンド サーバーによって取り込みが終了されました".into()
        }
        SoundServerTrouble::Disconnected => "サウンド サーバーとの接続が切れました".into(),
        SoundServerTrouble::Denied => {
            "サウンド サーバーに接続を拒否されました (クッキーが一致しません)".into()
        }
        SoundServerTrouble::Protocol(reason) => format!("サウンド サーバー: {reason}"),
    }
}
