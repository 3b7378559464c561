//! The model against what the full-precision one makes of the same sentences.

use aws_lc_rs::digest::{SHA256, digest};

use crate::model::{Flaw, Model, dot};

/// Written by `model/recipe.py --reference`: sentence, tokens, vector; a line each.
const REFERENCE: &str = include_str!("reference.txt");

const BYTES: &[u8] = include_bytes!("../../model/minilm.bin");

fn model() -> &'static Model {
    Model::embedded().expect("the embedded model")
}

fn reference() -> impl Iterator<Item = (&'static str, Vec<&'static str>, Vec<f32>)> {
    REFERENCE.lines().map(|line| {
        let [sentence, tokens, vector] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("three parts: {line}")
        };
        let vector = vector.split(' ').map(|number| number.parse().expect("a number"));
        (sentence, tokens.split(' ').collect(), vector.collect())
    })
}

/// What the recipe says that it makes; CI cannot fetch what it makes it of.
#[test]
fn the_committed_model_is_what_the_recipe_makes() {
    let recipe = include_str!("../../model/recipe.py");
    let digest = digest(&SHA256, BYTES);
    let hex = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(recipe.contains(&format!("MADE = \"{hex}\"")), "{hex}");
    assert!(BYTES.len() <= 25_000_000);
}

#[test]
fn texts_are_cut_as_the_reference_cuts_them() {
    for (sentence, tokens, _) in reference() {
        assert_eq!(model().tokens(sentence), tokens, "{sentence}");
    }
}

#[test]
fn vectors_are_those_of_full_precision() {
    let mut least = 1.0_f32;
    for (sentence, _, wanted) in reference() {
        let cosine = dot(&model().embed(sentence), &wanted);
        assert!(cosine >= 0.99, "{cosine}: {sentence}");
        least = least.min(cosine);
    }
    println!("least cosine {least}");
}

#[test]
fn a_vector_has_the_length_one() {
    for text in ["", " ", "a", "日本語", "\u{0}", "##", &"word ".repeat(1000)] {
        let vector = model().embed(text);
        assert_eq!(vector.len(), model().width());
        assert!((dot(&vector, &vector) - 1.0).abs() < 1e-4, "{text:.20}");
    }
}

#[test]
fn what_is_beyond_the_last_token_is_not_seen() {
    let long = "alert ".repeat(Model::TOKENS);
    assert_eq!(model().tokens(&long).len(), Model::TOKENS);
    assert_eq!(model().embed(&long), model().embed(&format!("{long} and something else")));
}

#[test]
fn words_of_pruned_scripts_are_unknown() {
    assert_eq!(
        model().tokens("日本 москва pod"),
        ["[CLS]", "[UNK]", "[UNK]", "[UNK]", "pod", "[SEP]"]
    );
    assert_eq!(model().tokens("podж"), ["[CLS]", "[UNK]", "[SEP]"], "the whole of it");
    assert_eq!(model().tokens(&"a".repeat(101)), ["[CLS]", "[UNK]", "[SEP]"]);
}

#[test]
fn other_bytes_are_no_model() {
    let bytes = BYTES;
    let read = |bytes: Vec<u8>| Model::read(bytes.leak()).expect_err("no model");
    assert_eq!(read(b"GGUF0000".to_vec()), Flaw::Magic);
    assert_eq!(read(bytes[..bytes.len() - 1].to_vec()), Flaw::Short);
    assert_eq!(read([bytes, &[0]].concat()), Flaw::Long);
    let mut odd = bytes.to_vec();
    odd[12] ^= 1;
    assert_eq!(read(odd), Flaw::Shape);
    let mut unsorted = bytes.to_vec();
    let at = 8 + 6 * 4;
    unsorted[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read(unsorted), Flaw::Vocabulary);
}
