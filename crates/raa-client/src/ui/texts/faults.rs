//! Faults in the settings files, in the user's language.
//!
//! English is what the values say themselves, as in the log.
//! Always: files are named without their folders, for which a balloon has no room; a fault
//! without a Japanese text does not compile.

use std::path::Path;

use super::Language;
use crate::settings::{Allowed, Damage, Fault};

impl Language {
    /// Returns the fault as a sentence.
    pub(crate) fn fault(self, fault: &Fault) -> String {
        let mut fault = fault.clone();
        for file in fault.files_mut() {
            *file = file.file_name().unwrap_or(file.as_os_str()).into();
        }
        match self {
            Self::English => fault.to_string(),
            Self::Japanese => self::fault(&fault),
        }
    }
}

fn fault(fault: &Fault) -> String {
    let has_comment = fault.has_comment();
    match fault {
        Fault::Value {
            place,
            key,
            value,
            allowed,
        } => {
            let allowed = self::allowed(key, *allowed);
            let hint = if has_comment {
                "。コメントは独立した行に書いてください"
            } else {
                ""
            };
            format!("{place}: {key} の値 {value} は無効です。指定できる値: {allowed}{hint}")
        }
        Fault::UnknownKey { place, key, known } => {
            format!("{place}: {key} は不明なキーです。使用できるキー: {known}")
        }
        Fault::Twice { file, key } => format!(
            "{}: {key} が 2 回指定されています。最初の値を使用します",
            name(file)
        ),
        Fault::NoSection { file } => format!(
            "{} に [raa-client] セクションがないため、無視されました",
            name(file)
        ),
        Fault::SharedSsrc { file } => format!(
            "{}: すべてのユーザーで同じ値になるため、ssrc は無視されました。この行を削除してください",
            name(file)
        ),
        Fault::Unreadable { file, error } => format!("{} を読み取れません: {error}", name(file)),
        Fault::NotSaved { file, error } => format!(
            "{} に設定を保存できません: {error}。変更はこのクライアントの終了時に失われます",
            name(file)
        ),
        Fault::Damaged { file, reason, kept } => damaged(&name(file), *reason, kept.as_ref()),
        // These end the program before it has a user interface.
        Fault::Option { .. }
        | Fault::Syntax { .. }
        | Fault::NoServer { .. }
        | Fault::NoFolder { .. }
        | Fault::SsrcNotSaved { .. } => fault.to_string(),
    }
}

fn allowed(key: &str, allowed: Allowed) -> String {
    match (key, allowed) {
        (_, Allowed::Words(words)) => words.join("、"),
        (_, Allowed::Number(most)) => format!("0～{most} の整数"),
        ("server", _) => {
            "HOST または HOST:PORT (ポートは 1～65535、ポートを付ける場合 IPv6 アドレスは角かっこで囲む)".into()
        }
        ("device", _) => "録音デバイスのエンドポイント ID (source が device の場合)".into(),
        ("name", _) => "1～64 文字の文字列 (制御文字を除く)".into(),
        ("page", _) => "http:// または https:// で始まる URL".into(),
        ("ssrc", _) => "8 桁の 16 進数 (例: 5f0a11c2)".into(),
        (_, Allowed::Text(text)) => text.into(),
    }
}

fn damaged(file: &str, reason: Damage, kept: Option<&Result<impl AsRef<Path>, String>>) -> String {
    let reason = match reason {
        Damage::NotText(encoding) => format!("{encoding} として正しくありません"),
        Damage::Line(number) => format!("{number} 行目を解釈できません"),
        Damage::TooLarge(bytes) => format!("サイズが {bytes} バイトを超えています"),
    };
    let kept = match kept {
        None => String::new(),
        Some(Ok(copy)) => format!("。元のファイルは {} に残してあります", name(copy.as_ref())),
        Some(Err(error)) => format!("。コピーと修復ができませんでした: {error}"),
    };
    format!("{file} が破損しています: {reason}{kept}")
}

fn name(file: &Path) -> String {
    file.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::settings::{INI_NAME, IniFiles};

    const WRONG: &str = "[raa-client]\nserver = a:0\nsource = device\nname = \nmuted = 7\npage = x\n\
        redundancy = 4\nlog_level = loud\nssrc = 5\nservr = a\nserver = a\nno sense\n";

    #[test]
    fn faults_are_short_in_both_languages() {
        let folder = TempDir::new().unwrap();
        let user = folder.path().join(INI_NAME);
        fs::write(&user, WRONG).unwrap();
        let machine = None;
        let faults = IniFiles { user, machine }.load().unwrap().faults;
        assert_eq!(faults.len(), 10, "{faults:?}");
        let path = folder.path().display().to_string();
        let with_separator = format!("{path}{}", std::path::MAIN_SEPARATOR);
        for fault in &faults {
            assert!(fault.to_string().contains(&path), "{fault}");
            let [english, japanese] =
                [Language::English, Language::Japanese].map(|language| language.fault(fault));
            assert_eq!(english, fault.to_string().replace(&with_separator, ""));
            for text in [&english, &japanese] {
                assert!(
                    text.starts_with(INI_NAME) && !text.contains(&path),
                    "{text}"
                );
            }
            let is_translated = |words: &str| !japanese.contains(words);
            assert!(
                ["must", "number", "digits", "line"]
                    .into_iter()
                    .all(is_translated),
                "{japanese}"
            );
        }
    }
}
