#!/usr/bin/env python3
"""Reads an adapter as Hugging Face's PEFT has it, and looks whether a merged model is its base with that added.

    peft_reader.py BASE.gguf FOLDER MERGED.gguf

BASE and MERGED have weights in F32. Knows nothing of Hearth: safetensors, GGUF and PEFT's names as their papers say, with
Python's standard library.
"""

import json
import math
import struct
import sys
from pathlib import Path

LARGEST_ERROR = 1e-5

MODULES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F32", entry
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        rows, columns = entry["shape"]
        values = struct.unpack(f"<{rows * columns}f", data[begin:end])
        tensors[name] = [values[row * columns : (row + 1) * columns] for row in range(rows)]
    return tensors


class Gguf:
    SIZES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def __init__(self, path):
        self.data, self.at = path.read_bytes(), 4
        assert self.data[:4] == b"GGUF"
        _, n_tensors, n_values = self.take("<IQQ")
        self.values = {}
        for _ in range(n_values):
            key = self.text()
            self.values[key] = self.value(*self.take("<I"))
        descriptors = []
        for _ in range(n_tensors):
            name = self.text()
            (rank,) = self.take("<I")
            sizes = self.take(f"<{rank}Q")
            kind, offset = self.take("<IQ")
            descriptors.append((name, sizes, kind, offset))
        alignment = self.values.get("general.alignment", 32)
        start = (self.at + alignment - 1) // alignment * alignment
        self.tensors = {name: (sizes, kind, start + offset) for name, sizes, kind, offset in descriptors}

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def text(self):
        (length,) = self.take("<Q")
        self.at += length
        return self.data[self.at - length : self.at].decode("utf-8", "replace")

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            element, n = self.take("<IQ")
            return [self.value(element) for _ in range(n)]
        return self.take("<" + self.SIZES[kind])[0]

    def matrix(self, name):
        (columns, rows), kind, offset = self.tensors[name]
        assert kind == 0, f"{name} is not F32"
        values = struct.unpack_from(f"<{rows * columns}f", self.data, offset)
        return [values[row * columns : (row + 1) * columns] for row in range(rows)]


def rows_as_gguf(rows, n_heads):
    """Of each head, Hugging Face has the first elements of all pairs, then the second ones; GGUF's llama pair by pair."""
    size = len(rows) // n_heads
    return [rows[head * size + j * size // 2 + i] for head in range(n_heads) for i in range(size // 2) for j in (0, 1)]


def main():
    base, folder, merged = Gguf(Path(sys.argv[1])), Path(sys.argv[2]), Gguf(Path(sys.argv[3]))
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["peft_type"] == "LORA" and config["bias"] == "none"
    scale = config["lora_alpha"] / (math.sqrt(config["r"]) if config["use_rslora"] else config["r"])
    tensors = read_safetensors(folder / "adapter_model.safetensors")
    modules = sorted({name.rsplit(".lora_", 1)[0] for name in tensors})
    for module in modules:
        a, b = (tensors[f"{module}.lora_{part}.weight"] for part in "AB")
        layer, name = module.removeprefix("base_model.model.model.layers.").split(".", 1)
        assert name.split(".")[1] in config["target_modules"] and len(a) == config["r"]
        weight = f"blk.{layer}.{MODULES[name]}.weight"
        heads = {"attn_q": "llama.attention.head_count", "attn_k": "llama.attention.head_count_kv"}.get(MODULES[name])
        if heads:
            b = rows_as_gguf(b, base.values[heads])
        for row_b, before, after in zip(b, base.matrix(weight), merged.matrix(weight), strict=True):
            changes = (sum(x * y for x, y in zip(row_b, column)) for column in zip(*a))
            for x, change, y in zip(before, changes, after, strict=True):
                assert abs(x + scale * change - y) < LARGEST_ERROR, f"{weight}: {x} + {scale * change} is not {y}"
    others = set(base.tensors) - {f"blk.{m.split('.')[4]}.{MODULES['.'.join(m.split('.')[5:])]}.weight" for m in modules}
    for name in others:
        sizes, _, offset = base.tensors[name]
        n = 4 * math.prod(sizes)
        there = merged.tensors[name][2]
        assert base.data[offset : offset + n] == merged.data[there : there + n], f"{name} has changed"
    print(f"{len(modules)} matrices agree, {len(others)} tensors are as they were")


if __name__ == "__main__":
    main()
