//! Vectors as they are kept: a scale, then whole numbers of 16 bits.
//!
//! In: vectors. Out: bytes, and back. Never: a difference that changes an order (1 in 60,000).

/// The largest number.
const MOST: f32 = 32_767.0;

/// As it is kept.
#[expect(clippy::cast_possible_truncation, reason = "at most `MOST`, and it saturates")]
pub(super) fn packed(vector: &[f32]) -> Vec<u8> {
    let largest = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let by = if largest > 0.0 { MOST / largest } else { 0.0 };
    let numbers = vector.iter().flat_map(|x| ((x * by).round() as i16).to_le_bytes());
    (largest / MOST).to_le_bytes().into_iter().chain(numbers).collect()
}

/// As it was. What is damaged is like nothing.
pub(super) fn unpacked(bytes: &[u8]) -> Vec<f32> {
    let Some((scale, numbers)) = bytes.split_first_chunk::<4>() else { return Vec::new() };
    let scale = f32::from_le_bytes(*scale);
    let (numbers, _) = numbers.as_chunks::<2>();
    numbers.iter().map(|number| f32::from(i16::from_le_bytes(*number)) * scale).collect()
}
