//! Vocabularies and dictionary files.

use std::collections::HashSet;

use glyphic_core::{DICT36, DICT90, Error, LATIN, Symbol, Vocab, parse_dict, read_dict};
use glyphic_testing::golden;

#[test]
fn built_in_character_sets_hold_no_character_twice() {
    for (name, chars, count) in [("DICT36", DICT36, 36), ("DICT90", DICT90, 90), ("LATIN", LATIN, 291)] {
        let distinct: HashSet<char> = chars.chars().collect();
        assert_eq!((chars.chars().count(), distinct.len()), (count, count), "{name}");
        assert_eq!(Vocab::ctc(chars).unwrap().len(), count + 1, "{name}");
    }
}

#[test]
fn dictionaries_stand_in_the_order_of_the_reference() {
    let mut seen = HashSet::new();
    for case in golden::cases("B_convertors") {
        for convertor in case.json()["convertors"].as_array().unwrap() {
            let chars = match convertor["config"]["dict_type"].as_str() {
                Some("DICT36") => DICT36,
                Some("DICT90") => DICT90,
                _ => continue,
            };
            let symbols = convertor["idx2char"].as_array().unwrap();
            // Special symbols have longer names.
            let expected: String =
                symbols.iter().map(|s| s.as_str().unwrap()).filter(|s| s.chars().count() == 1).collect();
            assert_eq!(chars, expected);
            seen.insert(chars.len());
        }
    }
    assert!(seen.contains(&36), "the golden vectors hold no convertor of DICT36");
}

#[test]
fn a_vocabulary_maps_both_ways() {
    let vocab = Vocab::ctc("ab ").unwrap();
    assert_eq!(vocab.symbols(), [Symbol::Blank, Symbol::Char('a'), Symbol::Char('b'), Symbol::Char(' ')]);
    assert_eq!((vocab.index_of(' '), vocab.index_of('x'), vocab.symbol(4)), (Some(3), None, None));
    assert_eq!((vocab.special(Symbol::Blank), vocab.special(Symbol::End)), (Some(0), None));
    assert_eq!(vocab.encode("a b"), Ok(vec![1, 3, 2]));
    assert_eq!(vocab.encode("ab€"), Err((2, '€')));
    let error = Vocab::ctc("aba").unwrap_err().to_string();
    assert!(error.contains("'a'") && error.contains("class 1") && error.contains("class 3"), "{error}");
}

#[test]
fn a_dictionary_file_has_one_character_a_line() {
    let cases: [(&[u8], &str); 6] = [
        (b"a\nb\nc\n", "abc"),
        (b"a\nb", "ab"),
        (b"a\r\n \r\nb\r\n", "a b"),
        (b"\n\na\n\nb\n\n", "ab"),
        ("\u{feff}é\n字\n".as_bytes(), "é字"),
        (b" \n", " "),
    ];
    for (bytes, expected) in cases {
        assert_eq!(parse_dict(bytes, "dict.txt").unwrap(), expected);
    }
}

#[test]
fn a_broken_dictionary_names_file_and_line() {
    let cases: [(&[u8], usize, &str); 6] = [
        (b"a\nbc\n", 2, "\"bc\""),
        (b"a\nb\na\n", 3, "line 1"),
        (b"a\nb\n\xff\n", 3, "UTF-8"),
        (b"a\n  \n", 2, "more than one"),
        ("e\u{301}\n".as_bytes(), 1, "more than one"),
        (b"\n\n", 1, "no character"),
    ];
    for (bytes, expected, reason) in cases {
        let error = parse_dict(bytes, "dict.txt").unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, Error::Dict { line, .. } if line == expected), "{message}");
        assert!(message.starts_with("dict.txt, line ") && message.contains(reason), "{message}");
    }
    assert!(matches!(read_dict("no/such/dict.txt"), Err(Error::Read { .. })));
}
