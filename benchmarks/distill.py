"""How fast distill trains: a step against a plain transformers Trainer, tokens lost to padding, memory.

    python benchmarks/distill.py                # a small Qwen2-Audio of random weights on this machine, minutes
    python benchmarks/distill.py --gpu          # a 7B-sized one, LoRA, bf16, on a GPU with 80 GB
    python benchmarks/distill.py --write        # the small one, into docs/benchmarks.md

Both loops train the same model on the same traces (of mixed length, made of words without sense, with tones), in turn
in processes of their own, with the same batch size and number of epochs. The plain one is what one writes who has read
the Trainer's page: shuffled batches padded to their longest, clips in the whole window of 30 s, features kept, the
model's own loss. Seconds are of the training alone; the first step of each is not counted.

What it does not measure: loading, other trainers, or whether the machine was busy (its load stands beside).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from page import show, write_section

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
SR = 16000
WORDS = ("the", "tone", "begins", "low", "and", "rises", "so", "this", "must", "be", "calm", "but", "not", "excited")
PEAK_FLOPS = 989e12
"""Dense bf16 of an H100 SXM (NVIDIA's data sheet); another card: --peak."""


def make_traces(folder: Path, many: int, longest: int) -> None:
    """Survivors whose think parts have 20 to `longest` words, most of them short, on clips of 1 to 4 s."""
    import numpy as np
    import soundfile

    from mgrd import tables

    rng = random.Random(0)
    for number in range(8):
        seconds = np.arange(round((1 + 3 * number / 7) * SR)) / SR
        soundfile.write(folder / f"{number}.wav", 0.4 * np.sin(2 * np.pi * 110 * (number + 1) * seconds), SR)
    rows = []
    for number in range(many):
        words = int(20 * (longest / 20) ** rng.random())
        rows.append(
            {
                "trace_id": f"q{number:05d}.0.0", "audio": [f"{number % 8}.wav"], "audio_sha": [None],
                "question": "Calm or excited?", "choices": ["calm", "excited"],
                "think": " ".join(rng.choice(WORDS) for _ in range(words)), "response": "calm", "passed": True,
            }
        )  # fmt: skip
    tables.write_table(rows, folder / "survivors.parquet", tables.JUDGED)
    tables.write_json({"generate": {"audio_root": str(folder)}}, folder / "manifest.json")


def make_model(folder: Path, size: Mapping[str, Any]) -> None:
    """A Qwen2-Audio of random weights: `audio` and `text` hold what its encoder and its decoder are made of."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        GenerationConfig,
        PreTrainedTokenizerFast,
        Qwen2AudioConfig,
        Qwen2AudioForConditionalGeneration,
        Qwen2AudioProcessor,
        WhisperFeatureExtractor,
    )

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"]
    alphabet = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    raw = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=8192,
        extra_special_tokens=dict(zip(("audio_token", "audio_bos_token", "audio_eos_token"), special[3:], strict=True)),
    )  # fmt: skip
    extractor = WhisperFeatureExtractor(feature_size=128, sampling_rate=SR, return_attention_mask=True)
    config = Qwen2AudioConfig(
        audio_config={"model_type": "qwen2_audio_encoder", "num_mel_bins": 128, **size["audio"]},
        text_config={
            "model_type": "qwen2",
            "max_position_embeddings": 8192,
            "tie_word_embeddings": False,
            **size["text"],
        },
        audio_token_index=3,
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16 if size["half"] else torch.float32)
    with torch.device("cuda" if size["half"] else "cpu"):
        model = Qwen2AudioForConditionalGeneration(config)
    torch.set_default_dtype(torch.float32)
    model.generation_config = GenerationConfig(eos_token_id=2, pad_token_id=0)
    model.save_pretrained(folder)
    Qwen2AudioProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)
    _rename(folder)


def _rename(folder: Path) -> None:
    # transformers 5.19 writes language_model.model.model.* for a model that was built, not loaded
    from safetensors.torch import load_file, save_file

    for file in folder.glob("*.safetensors"):
        renamed = {
            n.replace("language_model.model.model.", "language_model.model."): t for n, t in load_file(file).items()
        }
        save_file(renamed, file, metadata={"format": "pt"})
    index = folder / "model.safetensors.index.json"
    if index.exists():
        text = index.read_text(encoding="utf-8")
        index.write_text(text.replace("language_model.model.model.", "language_model.model."), encoding="utf-8")


SMALL = {
    "half": False, "many": 96, "longest": 160, "batch": 8, "epochs": 1, "lora": None,
    "audio": {"d_model": 64, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 256},
    "text": {
        "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4,
        "intermediate_size": 688, "vocab_size": 8192,
    },
}  # fmt: skip
# Qwen2-Audio-7B's own sizes (its config.json); its tokenizer is not here, so a token is a byte of text.
LARGE = {
    "half": True, "many": 512, "longest": 400, "batch": 16, "epochs": 1, "lora": 16,
    "audio": {"d_model": 1280, "encoder_layers": 32, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120},
    "text": {
        "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
        "intermediate_size": 11008, "vocab_size": 156032,
    },
}  # fmt: skip


def train(loop: str, folder: Path, size: Mapping[str, Any]) -> dict[str, float]:
    """Train in this process by `ours` or `plain`; seconds a step, padding, peak memory in GiB, tokens and losses."""
    import torch
    from transformers import Trainer, TrainingArguments

    from mgrd.distill import examples as ex
    from mgrd.distill import lessons, loading, training
    from mgrd.distill.batches import collate, padding
    from mgrd.distill.survivors import read
    from mgrd.engines.window import short_window
    from mgrd.options import Distill
    from mgrd.progress import Story

    options = Distill(
        batch_size=size["batch"], epochs=size["epochs"], lr=1e-4, lora=size["lora"], report_to="none", save_steps=10**6,
        gradient_checkpointing=size["half"],
    )  # fmt: skip
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, processor = loading.load(folder / "model", torch.bfloat16 if size["half"] else torch.float32)
    given = lessons.of_survivors(read([folder], None), "plain")
    longest_s = ex.hearable(given, processor)[2]
    stamps: list[float] = []
    padded_tokens = [0, 0]

    def stamped(loss: Any) -> Any:
        def told(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
            stamps.append(time.perf_counter())
            return loss(outputs, labels, num_items_in_batch)

        return told

    loss = stamped(training.token_loss)
    story = Story(quiet=True)
    if loop == "ours":
        with short_window(model, processor, longest_s) as padded:
            ears = ex.Ears(processor, padded)
            examples, _ = ex.encode(given, model, ears, None, story)
            model = training.prepare(model.to(device), options)
            objective = replace(training.WRITE, loss=loss)
            training.train(model, examples, [], ears, options, folder / "ours", story, objective)
        share = padding([one.length for one in examples], options, 1)
    else:
        ears = ex.Ears(processor, None)
        examples, _ = ex.encode(given, model, ears, None, story)
        model = training.prepare(model.to(device), options)

        def collated(batch: Sequence[Any]) -> Any:
            stamps.append(time.perf_counter())
            made = collate(batch, ears)
            padded_tokens[0] += int(made["attention_mask"].sum())
            padded_tokens[1] += made["attention_mask"].numel()
            return made

        arguments = TrainingArguments(
            output_dir=str(folder / "plain"), per_device_train_batch_size=size["batch"],
            num_train_epochs=size["epochs"],
            learning_rate=1e-4, lr_scheduler_type="cosine", bf16=training.precision() == "bf16", save_strategy="no",
            use_cpu=device == "cpu", logging_steps=1, report_to="none", disable_tqdm=True, remove_unused_columns=False,
            gradient_checkpointing=size["half"], gradient_checkpointing_kwargs={"use_reentrant": False},
        )  # fmt: skip
        Trainer(model=model, args=arguments, train_dataset=list(examples), data_collator=collated).train()
        share = 1 - padded_tokens[0] / padded_tokens[1]
    end = time.perf_counter()
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**30
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    steps = len(stamps) - 1
    return {
        "seconds": end - stamps[1],
        "steps": steps,
        "tokens": sum(one.length for one in examples) * size["epochs"] * steps / (steps + 1),
        "padding": share,
        "peak_gib": peak,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


def rows(found: Mapping[str, Mapping[str, float]], size: Mapping[str, Any], peak_flops: float) -> list[str]:
    """The figures as lines of a page."""
    ours, plain = found["ours"], found["plain"]
    speed, other = (one["tokens"] / one["seconds"] for one in (ours, plain))
    load = f", load {os.getloadavg()[0]:.1f}"
    what = f"{ours['parameters'] / 1e6:,.0f} M parameters, batches of {size['batch']}, {size['many']} traces of 20 to "
    lines = [
        f"A Qwen2-Audio of random weights, {what}{size['longest']} words, {'LoRA, bf16' if size['lora'] else 'full'}; "
        f"{where()}{load}.",
        "",
        "| | mgrd distill | plain Trainer | wanted |",
        "|---|---|---|---|",
        f"| tokens a second | {speed:,.0f} | {other:,.0f} | |",
        f"| throughput, ratio | {speed / other:.2f} | 1 | at least 1 |",
        f"| tokens lost to padding | {ours['padding']:.1%} | {plain['padding']:.1%} | under 10 % |",
        f"| peak memory, GiB | {ours['peak_gib']:.2f} | {plain['peak_gib']:.2f} | no higher |",
    ]
    if size["half"]:
        # forward and backward of the activations alone, LoRA trains few weights; recomputing is not counted
        used = 4 * ours["parameters"] * speed / peak_flops
        lines.append(
            f"| share of the card's peak | {used:.1%} | {4 * plain['parameters'] * other / peak_flops:.1%} | |"
        )
    return lines


def where() -> str:
    """The machine and the day."""
    import torch

    name = (
        torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} cores, {platform.machine()}"
    )
    return f"{name}, {datetime.now(UTC):%Y-%m-%d}"


def main() -> None:
    """Make model and traces, train by both loops in processes of their own, print, and with --write update the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", action="store_true", help="the 7B-sized model")
    parser.add_argument("--peak", type=float, default=PEAK_FLOPS, help="the card's dense bf16 operations a second")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    parser.add_argument("--json", action="store_true", help="print one object: sections by name (docs/formats.md)")
    parser.add_argument("--loop", choices=("ours", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    size = LARGE if given.gpu else SMALL
    if given.loop:
        print(json.dumps(train(given.loop, given.folder, size)))
        return
    with tempfile.TemporaryDirectory(prefix="mgrd-distill-") as scratch:
        folder = Path(scratch)
        make_traces(folder, size["many"], size["longest"])
        make_model(folder / "model", size)
        found = {}
        for loop in ("plain", "ours"):
            words = [sys.executable, __file__, "--loop", loop, "--folder", scratch, *(["--gpu"] if given.gpu else [])]
            said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
            found[loop] = json.loads(said.splitlines()[-1])
    name = "distill on a GPU" if given.gpu else "distill"
    lines = rows(found, size, given.peak)
    show({name: lines}, as_json=given.json)
    if given.write:
        write_section(PAGE, name, lines)


if __name__ == "__main__":
    main()
