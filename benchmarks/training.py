"""Do TRL's trainers take the pairs and the reward as they are? A DPO step and a GRPO step on the CPU; see README.md.

    python3 -m venv FOLDER && FOLDER/bin/pip install -r benchmarks/requirements-training.txt     5.9 GB
    PYTHONPATH=. FOLDER/bin/python benchmarks/training.py [--tables data/expected/demo] [--steps 5]

In that environment alone, never in the tests: torch from the registry brings 3 GB of libraries for graphics cards,
which this does not use. What rule `dataset` writes is written from the tables, read by `datasets.load_dataset`, and
given to the trainers with a model of some 85,000 random parameters, made here: nothing is downloaded, and nothing
learned is kept.
"""

import argparse
import os
import resource
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "CUDA_VISIBLE_DEVICES": ""}

import torch
import yaml
from datasets import load_dataset
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer

from persona_lib.learning.rewards import grpo_reward, learn
from workflow.write_dataset import run

ROOT = Path(__file__).resolve().parents[1]
CHAT = (
    "{% for m in messages %}{{ m['role'] }}:\n{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:\n{% endif %}"
)
QUIET = {"report_to": "none", "disable_tqdm": True, "save_strategy": "no", "logging_steps": 1, "seed": 1}
CPU = {"use_cpu": True, "bf16": False}


def dataset_of(tables: Path, folder: Path) -> Path:
    """What rule `dataset` writes of the tables of a run."""
    names = ("personas", "provenance", "persona_weights", "prompts", "pairs", "answers", "judgements")
    inputs = {name: str(tables / f"{name}.parquet") for name in names}
    inputs["cells"] = str(ROOT / "data/reference/chain_cells.csv")
    params = SimpleNamespace(files=["census_sample.csv.gz"], big_five="correlated", simulated=True)
    paths = SimpleNamespace(dataset=str(folder / "dataset"))
    rule = SimpleNamespace(input=Inputs(**inputs), output=paths, params=params, log=[str(folder / "log")])
    run(rule)
    return folder / "dataset"


class Inputs(SimpleNamespace):
    """A rule's inputs, by name and by key."""

    def __getitem__(self, name: str) -> str:
        return getattr(self, name)


def small_model(texts: list[str], folder: Path) -> str:
    """The folder of a Llama of random parameters, and of a tokenizer whose words are those of the texts."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<unk>", "<pad>", "<end>"]
    made.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=1000, special_tokens=special))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", pad_token="<pad>", eos_token="<end>", chat_template=CHAT
    )
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2048,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    print(f"a Llama of {model.num_parameters():,} random parameters")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def trained(trainer) -> list[dict]:
    """What the trainer logs of its steps; stops if no parameter moved."""
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    began = time.process_time()
    trainer.train()
    told = [row for row in trainer.state.log_history if "train_runtime" not in row]
    change = max(float((value - before[name]).abs().max()) for name, value in trainer.model.state_dict().items())
    print(f"  {time.process_time() - began:.1f} CPU s; largest change of a parameter {change:.2g}")
    assert change > 0, "no parameter moved"
    return told


def main() -> None:
    """Write, load, one DPO run for each format, one GRPO run for each format."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tables", type=Path, default=ROOT / "data/expected/demo")
    parser.add_argument("--steps", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(", ".join(f"{name} {version(name)}" for name in ("trl", "torch", "transformers", "datasets")))
    settings = yaml.safe_load((ROOT / "config/demo.yaml").read_text("utf-8"))
    how = {key: settings["learning"][key] for key in ("n_components", "n_rows", "inverse_penalty")}
    with tempfile.TemporaryDirectory() as place:
        folder = dataset_of(chosen.tables, Path(place))
        cache = f"{place}/cache"
        loaded = {c: load_dataset(str(folder), c, cache_dir=cache) for c in ("pairs", "conversations", "judgements")}
        for name, splits in loaded.items():
            print(f"load_dataset {name}:", ", ".join(f"{split} {len(rows):,}" for split, rows in splits.items()))
        plain = loaded["pairs"]["train"]
        texts = [*plain["prompt"][:500], *plain["chosen"][:500], *plain["rejected"][:500]]
        model = small_model(texts, Path(place) / "model")
        steps = {"max_steps": chosen.steps, "per_device_train_batch_size": 4, "output_dir": f"{place}/out"}
        for name in ("pairs", "conversations"):
            print(f"DPO on {name}, train")
            args = DPOConfig(**steps, **QUIET, **CPU, learning_rate=1e-3, max_length=1024)
            rows = loaded[name]["train"].select(range(64))
            trainer = DPOTrainer(model=model, args=args, train_dataset=rows)
            for row in trained(trainer):
                print("  ", {key: row[key] for key in ("step", "loss", "rewards/accuracies", "rewards/margins")})
        began = time.process_time()
        reward = grpo_reward(*learn(chosen.tables, seed=settings["seed"], **how))
        print(f"reward learned in {time.process_time() - began:.1f} CPU s")
        some = {key: plain[key][:200] for key in ("persona_id", "prompt_id", "rejected")}
        worth = {key: reward(completions=plain[key][:200], **some) for key in ("chosen", "rejected")}
        above = sum(a > b for a, b in zip(worth["chosen"], worth["rejected"], strict=True))
        print(f"reward of chosen above that of rejected: {above} of 200 train pairs")
        for name in ("pairs", "conversations"):
            print(f"GRPO on {name}, train")
            group = {"num_generations": 4, "max_completion_length": 24, "beta": 0.04}
            args = GRPOConfig(**steps, **QUIET, **CPU, **group, learning_rate=1e-3)
            rows = loaded[name]["train"].select(range(16))
            trainer = GRPOTrainer(model=model, args=args, reward_funcs=reward, train_dataset=rows)
            for row in trained(trainer):
                shown = ("loss", "reward", "reward_std", "grad_norm", "completions/mean_length")
                print("  ", {key: row[key] for key in shown if key in row})
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
