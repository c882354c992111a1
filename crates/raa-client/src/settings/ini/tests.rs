//! Documents of all kinds, and bytes that are not documents.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::*;

const FILE: &str = "; my file\r\n\r\n[other]\r\nserver = x\r\n[RAA-Client] ; ours\r\nServer=a:1\r\n\
    \tname =  \"Ward 3\"  \r\n;page = http://raa.example/\r\nfuture = 7\r\n\r\n[last]\r\nend = 1";

fn document(text: &str) -> Document {
    Document::decode(text.as_bytes()).unwrap()
}

fn text(document: &Document) -> String {
    String::from_utf8(document.encode()).unwrap()
}

#[test]
fn case_blanks_and_quotes_do_not_matter() {
    let document = document(FILE);
    assert_eq!(document.get("raa-client", "server"), Some("a:1"));
    assert_eq!(document.get("raa-client", "NAME"), Some("Ward 3"));
    assert_eq!(document.get("other", "server"), Some("x"));
    assert_eq!(document.get("raa-client", "page"), None);
    assert_eq!(document.get("", "server"), None);
}

/// Decodes as code page 1252 does for these letters; 0x81 has no character.
fn latin(bytes: &[u8]) -> Option<String> {
    let valid = bytes.iter().all(|byte| *byte != 0x81);
    valid.then(|| bytes.iter().map(|byte| char::from(*byte)).collect())
}

#[test]
fn lines_in_the_code_page_are_read() {
    // The last line was appended by a script to a file in UTF-8.
    for start in ["\u{feff}[raa-client]\r\n;\u{76e3}\r\n", "[raa-client]\r\n"] {
        let bytes = [start.as_bytes(), b"name=Z\xfcrich\r\n"].concat();
        let document = Document::decode_with(&bytes, latin).unwrap();
        assert_eq!(document.get("raa-client", "name"), Some("Z\u{fc}rich"));
        let start = start.trim_start_matches('\u{feff}');
        let expected = format!("\u{feff}{start}name=Z\u{fc}rich\r\n");
        assert_eq!(text(&document), expected, "it is UTF-8 from then on");
        let damage = Document::decode(&bytes).unwrap_err();
        assert_eq!(damage.reason, Damage::NotText("UTF-8"));
    }
    let bytes = b"[a]\nname=Z\xfcrich\nx=\x81\n";
    let damage = Document::decode_with(bytes, latin).unwrap_err();
    assert_eq!(damage.reason, Damage::NotText("UTF-8"));
    assert_eq!(damage.rest.get("a", "name"), Some("Z\u{fc}rich"));
}

#[test]
fn a_line_has_one_meaning() {
    for (line, meaning) in [
        ("", Meaning::Nothing),
        (" \t", Meaning::Nothing),
        ("# x = 1", Meaning::Nothing),
        (" ; [x]", Meaning::Nothing),
        ("[ a b ]", Meaning::Section("a b")),
        ("[a] # b", Meaning::Section("a")),
        ("[a] b", Meaning::Bad),
        ("[a", Meaning::Bad),
        ("a", Meaning::Bad),
        ("= a", Meaning::Bad),
        ("a=", Meaning::Entry("a", "")),
        ("a = b = c ; d", Meaning::Entry("a", "b = c ; d")),
        ("a = \" b \"", Meaning::Entry("a", " b ")),
        ("a = \"", Meaning::Entry("a", "\"")),
        ("a = \0", Meaning::Bad),
        ("; a\rb", Meaning::Bad),
    ] {
        let line = IniLine::of(line);
        assert_eq!(line.meaning(), meaning, "{:?}", line.text);
    }
}

#[test]
fn setting_a_value_changes_nothing_else() {
    let check = |section, key, value, from: &str, to: &str| {
        let mut changed = document(FILE);
        changed.set(section, key, value);
        assert_eq!(text(&changed), FILE.replacen(from, to, 1), "{key}");
        assert_eq!(changed.get(section, key), Some(value));
    };
    check("raa-client", "server", "b", "Server=a:1", "Server=b");
    check("raa-client", "name", "", "=  \"Ward 3\"  ", "=  ");
    let example = ";page = http://raa.example/\r\n";
    let below = format!("{example}page = z\r\n");
    check("raa-client", "page", "z", example, &below);
    check(
        "raa-client",
        "new",
        "1",
        "future = 7\r\n",
        "future = 7\r\nnew = 1\r\n",
    );
    check(
        "last",
        "new",
        " 1",
        "end = 1",
        "end = 1\r\nnew = \" 1\"\r\n",
    );
    check(
        "fresh",
        "new",
        "1",
        "end = 1",
        "end = 1\r\n[fresh]\r\nnew = 1\r\n",
    );
}

#[test]
fn line_endings_stay() {
    let check = |before: &str, after: &str| {
        let mut document = document(before);
        document.set("a", "k", "1");
        assert_eq!(text(&document), after);
    };
    check("", "[a]\r\nk = 1\r\n");
    check("[a]", "[a]\r\nk = 1\r\n");
    check("[a]\n\n", "[a]\nk = 1\n\n");
    check("[a]\nk = 0", "[a]\nk = 1");
    check("[a]\r\nx = 1\n", "[a]\r\nx = 1\nk = 1\r\n");
}

#[test]
fn the_first_of_two_entries_counts_and_changes() {
    let mut twice = document("[a]\nk = 1\nk = 2\n[b]\n[A]\nK = 3\n");
    assert_eq!(twice.get("a", "k"), Some("1"));
    twice.set("a", "k", "4");
    assert_eq!(text(&twice), "[a]\nk = 4\nk = 2\n[b]\n[A]\nK = 3\n");
    twice.remove("a", "k");
    assert_eq!(text(&twice), "[a]\n[b]\n[A]\n");
}

#[test]
fn encodings_are_kept() {
    let content = "[raa-client]\r\nname = 監視 3\r\n";
    let utf16: Vec<u8> = content.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [
        content.as_bytes().to_vec(),
        [b"\xef\xbb\xbf", content.as_bytes()].concat(),
        [b"\xff\xfe".to_vec(), utf16].concat(),
    ] {
        let document = Document::decode(&bytes).unwrap();
        assert_eq!(document.get("raa-client", "name"), Some("監視 3"));
        assert_eq!(document.encode(), bytes);
    }
    assert!(Document::new("").encode().starts_with(b"\xef\xbb\xbf"));
}

#[test]
fn the_readable_rest_of_a_damaged_file_is_valid() {
    let check = |bytes: &[u8], reason: Damage, name: Option<&str>| {
        let damage = Document::decode(bytes).unwrap_err();
        assert_eq!(damage.reason, reason);
        assert_eq!(damage.rest.get("raa-client", "name"), name, "{reason}");
        let rest = damage.rest.encode();
        assert_eq!(
            Document::decode(&rest),
            Ok(damage.rest),
            "the rest is valid"
        );
    };
    let line = |number| Damage::Line(number);
    check(b"[raa-client]\nname = a\nnonsense\n", line(3), Some("a"));
    check(b"nonsense", line(1), None);
    check(&[0; 600], line(1), None);
    let latin = Damage::NotText("UTF-8");
    check(b"[raa-client]\nname = a\nserver = \xe9\n", latin, Some("a"));
    check(b"[raa-client]\nname = \x83\n", latin, None);
    check(b"\xff\xfe[\0r", Damage::NotText("UTF-16"), None);
    check(b"\xff\xfe\x00\xd8", Damage::NotText("UTF-16"), None);
}

#[test]
fn damage_names_the_line() {
    let reason = Document::decode(b"\n\nx\n").unwrap_err().reason;
    let text = reason.to_string();
    assert!(text.starts_with("line 3 is not empty"), "{text}");
}

/// Pieces of valid and invalid documents.
const PIECES: [&str; 20] = [
    "[raa-client]",
    "[x]",
    "[",
    "]",
    "=",
    " = ",
    "name",
    "NAME",
    "\"",
    ";",
    "#",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "監視",
    "\u{feff}",
    "\0",
    "value",
];

#[test]
fn any_text_survives_and_accepts_values() {
    let mut random = SmallRng::seed_from_u64(1);
    for _ in 0..20_000 {
        let pieces = random.random_range(0..30);
        let any: String = (0..pieces)
            .filter_map(|_| PIECES.choose(&mut random).copied())
            .collect();
        let before = Document::decode(any.as_bytes()).unwrap_or_else(|damage| damage.rest);
        assert_eq!(Document::decode(&before.encode()).as_ref(), Ok(&before));
        set_and_compare(&before, random.random_range(0..4));
    }
}

/// Sets one value, and compares everything else.
fn set_and_compare(before: &Document, which: usize) {
    let value = ["", "a", " \" ", "\"x\""][which];
    let mut after = before.clone();
    after.set("raa-client", "name", value);
    assert_eq!(after.get("raa-client", "name"), Some(value));
    assert_eq!(Document::decode(&after.encode()).as_ref(), Ok(&after));
    let at = after.line_of("raa-client", "name").unwrap();
    let rest = |document: &Document, without: Option<usize>| {
        let lines = document.lines.iter().enumerate();
        let kept = lines.filter(|(at, _)| Some(*at) != without);
        kept.map(|(_, line)| line.text.clone()).collect::<Vec<_>>()
    };
    let is_new = before.line_of("raa-client", "name").is_none();
    let mut others = rest(&after, Some(at));
    if after.lines.len() > before.lines.len() + 1 {
        assert_eq!(others.pop().as_deref(), Some("[raa-client]"));
    }
    assert_eq!(others, rest(before, (!is_new).then_some(at)));
}

#[test]
fn any_bytes_are_a_document_or_damage() {
    let mut random = SmallRng::seed_from_u64(2);
    for _ in 0..20_000 {
        let length = random.random_range(0..64);
        let mut bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
        if random.random_bool(0.3) {
            bytes.splice(0..0, *b"\xff\xfe");
        }
        match Document::decode(&bytes) {
            Ok(document) => assert_eq!(document.encode(), bytes),
            Err(damage) => {
                let rest = damage.rest.encode();
                assert_eq!(Document::decode(&rest), Ok(damage.rest));
            }
        }
    }
}
