"""A language model of about 3 million random parameters, as a GGUF file: what it says is nonsense, at great speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

WIDTH, N_BLOCKS, N_HEADS, INNER = 64, 2, 2, 128


def write_nonsense(path: Path, like: Path, *, seed: int = 0) -> int:
    """Write a model with the tokenizer and chat template of the GGUF file `like`; gives its number of parameters."""
    from gguf import GGUFReader, GGUFValueType, GGUFWriter

    rng = np.random.default_rng(seed)
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(8192)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(N_BLOCKS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(N_HEADS)
    writer.add_head_count_kv(N_HEADS)
    writer.add_rope_dimension_count(WIDTH // N_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    n_words = 0
    for name, field in GGUFReader(like).fields.items():
        if name.startswith("tokenizer."):
            kind, inner = field.types[0], field.types[-1]
            writer.add_key_value(name, field.contents(), kind, inner if kind == GGUFValueType.ARRAY else None)
            n_words = len(field.contents()) if name == "tokenizer.ggml.tokens" else n_words
    shapes = {"token_embd": (n_words, WIDTH)}
    for i in range(N_BLOCKS):
        square = dict.fromkeys((f"blk.{i}.attn_{name}" for name in ("q", "k", "v", "output")), (WIDTH, WIDTH))
        wide = {f"blk.{i}.ffn_gate": (INNER, WIDTH), f"blk.{i}.ffn_up": (INNER, WIDTH)}
        shapes |= square | wide | {f"blk.{i}.ffn_down": (WIDTH, INNER)}
    norms = ["output_norm", *(f"blk.{i}.{part}_norm" for i in range(N_BLOCKS) for part in ("attn", "ffn"))]
    tensors = {name: rng.normal(0, shape[-1] ** -0.5, shape).astype(np.float16) for name, shape in shapes.items()}
    tensors |= {name: np.ones(WIDTH, np.float32) for name in norms}
    for name, values in tensors.items():
        writer.add_tensor(f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sum(values.size for values in tensors.values())
