//! Both languages have the same texts and placeholders, and the texts fit into the dialog.

use super::*;
use crate::status::{CaptureMethod, CaptureTrouble, Trouble, WindowsError, samples};

const BOTH: [Language; 2] = [Language::English, Language::Japanese];

fn placeholders(text: &'static str) -> Vec<&'static str> {
    let mut names: Vec<_> = pieces(text)
        .filter_map(|piece| match piece {
            Piece::Placeholder(name) => Some(name),
            Piece::Words(_) => None,
        })
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn both_languages_have_the_same_placeholders() {
    for text in Text::ALL {
        let [english, japanese] = BOTH.map(|language| language.text(*text));
        assert!(!english.is_empty() && !japanese.is_empty(), "{text:?}");
        assert_eq!(placeholders(english), placeholders(japanese), "{text:?}");
        assert!(english.replace('…', "").is_ascii(), "{text:?}");
        for words in [english, japanese] {
            assert_eq!(words, words.trim(), "{text:?}");
            assert_eq!(
                words.matches('&').count(),
                english.matches('&').count(),
                "{text:?}"
            );
            assert_eq!(words.ends_with('…'), english.ends_with('…'), "{text:?}");
        }
    }
}

/// Returns the letter that chooses an item.
fn letter(language: Language, text: Text) -> char {
    let (_, after) = language.text(text).split_once('&').unwrap();
    after.chars().next().unwrap().to_ascii_lowercase()
}

#[track_caller]
fn letters_differ(group: &[Text]) {
    for language in BOTH {
        let mut letters: Vec<_> = group.iter().map(|text| letter(language, *text)).collect();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), group.len(), "{language:?}: {letters:?}");
    }
}

#[test]
fn letters_are_unique() {
    letters_differ(&[
        Text::MenuSettings,
        Text::MenuMute,
        Text::MenuStartWithWindows,
        Text::MenuOpenPage,
        Text::MenuCopyDiagnostics,
        Text::MenuAbout,
        Text::MenuQuit,
    ]);
    letters_differ(&[
        Text::ServerLabel,
        Text::TestButton,
        Text::NameLabel,
        Text::SourceLabel,
        Text::StartWithWindows,
    ]);
}

#[test]
fn the_language_follows_windows() {
    for (identifier, language) in [
        (0x0411, Language::Japanese),
        (0x0011, Language::Japanese),
        (0x0409, Language::English),
        (0x0407, Language::English),
    ] {
        assert_eq!(Language::from_identifier(identifier), language);
    }
}

#[test]
fn braces_in_values_are_kept() {
    let text = |server: &str, language: Language| {
        language.fill(Text::StateSending, &[("server", &server)])
    };
    assert_eq!(
        text("{server} & co", Language::English),
        "sending sound to {server} & co"
    );
    assert_eq!(text("a:1", Language::Japanese), "a:1 へ音声を送信中");
}

#[test]
fn a_text_is_cut_between_characters() {
    assert_eq!(cut("abc", 3), "abc");
    assert_eq!(cut("abcd", 3), "ab…");
    assert_eq!(cut("a bcd", 3), "a…", "no space before the ellipsis");
    // An emoji has two units; there is room for half of the second one.
    assert_eq!(cut("😀😀😀", 4), "😀…");
    assert_eq!(cut("😀😀", 4), "😀😀");
    let long = cut(&"監視".repeat(100), TOOLTIP_UNITS);
    assert_eq!(long.encode_utf16().count(), TOOLTIP_UNITS);
    assert!(long.ends_with('…'));
}

#[test]
fn every_trouble_is_rendered_in_both_languages() {
    assert_eq!(untranslated("デバイスが removed"), Some("removed"));
    for trouble in samples::troubles() {
        let [english, japanese] = BOTH.map(|language| language.trouble(&trouble));
        for text in [&english, &japanese] {
            assert!(!text.trim().is_empty(), "{trouble:?}");
            assert!(!text.contains("{}"), "{trouble:?}: {text}");
        }
        assert!(
            !english.ends_with('.'),
            "it is part of a sentence: {english}"
        );
        assert_eq!(untranslated(&japanese), None::<&str>, "{japanese}");
    }
    let methods = samples::methods().into_iter();
    let japanese: Vec<String> = methods.map(|m| Language::Japanese.method(m)).collect();
    for method in &japanese {
        assert_eq!(untranslated(method), None::<&str>, "{method}");
    }
}

/// Returns a word that is left in English: names and units have capitals, paths have slashes.
fn untranslated(japanese: &str) -> Option<&str> {
    let words = japanese.split(|c: char| !c.is_ascii_graphic());
    let is_english = |word: &&str| {
        word.len() > 2
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || ".,:;()".contains(c))
    };
    words.filter(is_english).find(|word| *word != "raa.example")
}

#[test]
fn a_trouble_keeps_its_values() {
    let send = Trouble::Send {
        to: ([192, 0, 2, 7], 4010).into(),
        reason: "Connection refused (os error 10061)".into(),
    };
    assert_eq!(
        Language::Japanese.trouble(&send),
        "192.0.2.7:4010 へ送信できません: Connection refused (os error 10061)"
    );
    let capture = Trouble::Capture {
        method: CaptureMethod::EndpointLoopback,
        reason: CaptureTrouble::Windows {
            error: WindowsError::NoDevice,
            code: 0x8007_0490,
        },
    };
    assert_eq!(
        Language::English.trouble(&capture),
        "endpoint loopback: there is no such sound device (0x80070490)"
    );
    assert_eq!(
        Language::Japanese.trouble(&capture),
        "エンドポイント ループバック: 該当するサウンド デバイスがありません (0x80070490)"
    );
}

/// Returns the width and height of a control in dialog units.
fn room(control: &str) -> (u32, u32) {
    let template = include_str!("../../../resources/dialog-controls.rc");
    let marked = |line: &str| {
        let mut words = line.split([' ', ',']);
        words.any(|word| word == control)
    };
    let line = template.lines().find(|line| marked(line)).unwrap();
    let numbers: Vec<u32> = line
        .split(',')
        .filter_map(|word| word.trim().parse().ok())
        .collect();
    let [_x, _y, width, height] = numbers[..4] else {
        panic!("{line}")
    };
    (width, height)
}

/// Estimates, on the safe side, the width of a text in Segoe UI and Yu Gothic UI in dialog units, of
/// which an average letter has four.
fn width(text: &str) -> u32 {
    let width = |c: char| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | '.' | ',' | ':' | '(' | ')' | '[' | ']' | '/' => {
            2
        }
        'm' | 'w' | 'M' | 'W' => 6,
        'A'..='Z' => 5,
        '&' => 0,
        c if c.is_ascii() => 4,
        '\u{2212}' | '…' => 5,
        _ => 8,
    };
    text.chars().map(width).sum()
}

/// The width of a button's frame, of a check box, or of a list's arrow.
const FRAME: u32 = 12;

/// Controls with the widths of their frames and the texts that they show.
const CONTROLS: &[(&str, u32, &[Text])] = &[
    ("IDC_SERVER_LABEL", 0, &[Text::ServerLabel]),
    ("IDC_NAME_LABEL", 0, &[Text::NameLabel]),
    ("IDC_SOURCE_LABEL", 0, &[Text::SourceLabel]),
    ("IDC_LEVEL_LABEL", 0, &[Text::LevelLabel]),
    ("IDC_TEST", FRAME, &[Text::TestButton]),
    ("IDOK", FRAME, &[Text::Ok]),
    ("IDCANCEL", FRAME / 2, &[Text::Cancel]),
    ("IDC_START_WITH_WINDOWS", FRAME, &[Text::StartWithWindows]),
    ("IDC_SOURCE", FRAME, &[Text::SourceAutomatic]),
    (
        "IDC_LEVEL_VALUE",
        0,
        &[Text::LevelValue, Text::LevelSilent, Text::LevelMuted],
    ),
    (
        "IDC_SERVER_NOTE",
        0,
        &[
            Text::ServerHint,
            Text::ServerHost,
            Text::ServerScheme,
            Text::ServerPort,
            Text::ServerBrackets,
            Text::SendingTo,
            Text::TestRunning,
            Text::TestNameNotFound,
            Text::TestNameTimedOut,
            Text::TestNoAnswer,
            Text::TestNotRaa,
            Text::TestHttps,
            Text::TestNoPage,
            Text::TestFound,
            Text::TestSounding,
            Text::TestConnected,
            Text::TestTaken,
            Text::TestOffline,
        ],
    ),
    (
        "IDC_NAME_NOTE",
        0,
        &[
            Text::NameHint,
            Text::NameLength,
            Text::NameControl,
            Text::NameInvisible,
        ],
    ),
    ("IDC_SOUND_NOTE", 0, &[Text::CaptureStarting]),
];

#[test]
fn texts_fit_into_their_controls() {
    /// The height of a line in dialog units.
    const LINE: u32 = 9;
    let values: &[(&str, &dyn Display)] = &[
        ("host", &"raa-server.ward-3.hospital.example.org"),
        ("address", &"2001:db8:1234::5678"),
        ("version", &"0.10.10"),
        ("count", &100),
        ("server", &"raa.example:4010"),
        ("level", &"\u{2212}60"),
    ];
    for (control, frame, texts) in CONTROLS {
        let (wide, high) = room(control);
        // The height of a list includes its open part; a button has one line.
        let lines = if *frame > 0 { 1 } else { high / LINE };
        for text in *texts {
            for language in BOTH {
                let filled = language.fill(*text, values);
                fits(control, &filled, wide - frame, lines);
            }
        }
    }
    let (wide, high) = room("IDC_SERVER_NOTE");
    for (language, windows) in [
        (
            Language::English,
            "A socket operation was attempted to an unreachable network. (os error 10051)",
        ),
        (
            Language::Japanese,
            "到達できないネットワークに対してソケット操作を実行しようとしました。 (os error 10051)",
        ),
    ] {
        let trouble = Trouble::NoRoute {
            to: "[2001:db8:1234:5678:9abc:def0:1234:5678]:4010"
                .parse()
                .unwrap(),
            reason: windows.into(),
        };
        let note = sentence(&language.trouble(&trouble));
        fits("IDC_SERVER_NOTE", &note, wide, high / LINE);
    }
}

#[track_caller]
fn fits(control: &str, text: &str, wide: u32, lines: u32) {
    // A line that breaks between words loses some room.
    let room = wide * lines - (lines - 1) * 20;
    let width = width(text);
    assert!(width <= room, "{control} {text:?}: {width} > {room}");
}
