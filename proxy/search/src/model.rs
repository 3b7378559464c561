//! The model that makes a vector of a text.
//!
//! In: the bytes of `minilm.bin` (`model/recipe.py` wrote them), a text. Out: a vector of length 1,
//! such that texts of like meaning have a large inner product. Never: more than [`Model::TOKENS`]
//! tokens of a text; the rest of it is not seen.
//!
//! This is BERT (Devlin et al., 2018) with six layers, as all-MiniLM-L6-v2 has them: post-norm,
//! GELU, the mean over all tokens.

pub(crate) mod curve;
mod kernel;
mod layer;
mod read;
mod tokens;
pub(crate) mod wide;

#[cfg(feature = "model")]
use std::sync::OnceLock;

use fearless_simd::Level;

pub use read::Flaw;

#[cfg(test)]
pub(crate) use kernel::MOST_WIDTH;
use kernel::{Norm, Rows, add};
pub(crate) use kernel::{States, dot, normalise};
use layer::Layer;
use read::Reader;
use tokens::Vocabulary;

#[cfg(feature = "model")]
static EMBEDDED: &[u8] = include_bytes!("../model/minilm.bin");

/// What a file of this format begins with.
const MAGIC: &[u8] = b"TGEMBED2";

/// A model, most of which stays where its bytes are.
#[derive(Debug)]
pub struct Model {
    vocabulary: Vocabulary,
    words: Rows,
    /// The embeddings of the positions and of the one kind of text that there is.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    shape: Shape,
}

/// The sizes of a model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Numbers of a vector.
    pub(crate) width: usize,
    /// Heads of attention in a layer.
    pub(crate) heads: usize,
    /// Numbers between the two maps of a layer's second half.
    pub(crate) inner: usize,
}

impl Model {
    /// Most tokens that are seen of a text.
    pub const TOKENS: usize = 256;

    /// The model that is part of the binary, made ready when it is first asked for: about 1 MB of
    /// memory of its own, and of the binary what is touched.
    ///
    /// # Errors
    /// The bytes are not a model: never, and a test says so.
    #[cfg(feature = "model")]
    pub fn embedded() -> Result<&'static Self, Flaw> {
        static READY: OnceLock<Result<Model, Flaw>> = OnceLock::new();
        READY.get_or_init(|| Self::read(EMBEDDED)).as_ref().map_err(|flaw| *flaw)
    }

    /// Reads a model.
    ///
    /// # Errors
    /// The bytes begin otherwise, end early, go on, or hold sizes that do not fit together.
    pub fn read(bytes: &'static [u8]) -> Result<Self, Flaw> {
        let mut reader = Reader::new(bytes);
        if reader.bytes(MAGIC.len())? != MAGIC {
            return Err(Flaw::Magic);
        }
        let [tokens, width, layers, heads, inner, positions] = reader.sizes()?;
        let shape = Shape { width, heads, inner };
        if !shape.is_sound() || positions != Self::TOKENS {
            return Err(Flaw::Shape);
        }
        let model = Self {
            vocabulary: Vocabulary::read(&mut reader, tokens)?,
            words: Rows::read(&mut reader, tokens, width)?,
            positions: reader.floats(positions * width)?,
            norm: Norm::read(&mut reader, width)?,
            layers: (0..layers)
                .map(|_| Layer::read(&mut reader, shape))
                .collect::<Result<_, _>>()?,
            shape,
        };
        reader.end()?;
        Ok(model)
    }

    /// How many numbers a vector has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.shape.width
    }

    /// The vector of a text. Costs about a sixth of a millisecond for each token of it where the
    /// processor has AVX-512, about a quarter where it has AVX2.
    #[must_use]
    pub fn embed(&self, text: &str) -> Vec<f32> {
        self.embed_at(text, Level::new())
    }

    /// The same, with the instructions of a level.
    pub(crate) fn embed_at(&self, text: &str, level: Level) -> Vec<f32> {
        let ids = self.vocabulary.cut(text, Self::TOKENS);
        let mut states = self.states(&ids);
        for layer in &self.layers {
            layer.pass(&mut states, self.shape, level);
        }
        let mut vector = vec![0.0; self.shape.width];
        for state in states.chunks_exact(self.shape.width) {
            add(&mut vector, state);
        }
        normalise(&mut vector);
        vector
    }

    /// What the first layer is told of each token: the word, and where it stands.
    fn states(&self, ids: &[usize]) -> Vec<f32> {
        let width = self.shape.width;
        let mut states = vec![0.0; ids.len() * width];
        let places = self.positions.chunks_exact(width);
        for ((state, place), id) in states.chunks_exact_mut(width).zip(places).zip(ids) {
            self.words.copy(*id, state);
            add(state, place);
            self.norm.apply(state);
        }
        states
    }

    /// The tokens of a text, as they are written in the vocabulary.
    #[cfg(all(test, feature = "model"))]
    pub(crate) fn tokens(&self, text: &str) -> Vec<&'static str> {
        let ids = self.vocabulary.cut(text, Self::TOKENS);
        ids.into_iter().map(|id| self.vocabulary.token(id)).collect()
    }
}

impl Shape {
    /// Whether the loops over such sizes come out even.
    fn is_sound(self) -> bool {
        self.heads > 0
            && self.width > 0
            && self.inner > 0
            && self.width.is_multiple_of(self.heads)
            && self.width.is_multiple_of(wide::PIECE)
            && self.inner.is_multiple_of(wide::PIECE)
            && self.width <= kernel::MOST_WIDTH
            && self.inner <= kernel::MOST_WIDTH
    }
}
