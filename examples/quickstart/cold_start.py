"""Build the quickstart's audio language model from nothing and train it: the paper's cold-start stage, small.

    python make_clips.py train SCRATCH
    python cold_start.py SCRATCH --out model

Stage A teaches hearing: captions, questions answered with grounded thinking, and questions answered with an empty
think block. Stage B is short and buries that ability under thinking of mixed quality (texts.MIX), which is where MGRD
starts from.

The model is a standard `Qwen2AudioForConditionalGeneration`. It is trained on a window of a few seconds and saved
with the 60 s window of 3000 mel frames that vLLM insists on: the encoder's positions are Whisper's sinusoids and
padding is masked, so the logits are the same; `export` checks that, and that the saved folder loads to the same
model, and stops if not.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from make_clips import MAX_S, SR
from safetensors.torch import load_file, save_file
from tasks import TASKS_OF, answer, ask
from texts import CAPTION_REQUESTS, caption, grounded, mixed
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    WhisperFeatureExtractor,
)

from mgrd.prompts import render
from mgrd.traces import join, split

HERE = Path(__file__).parent
SEED = 0

WINDOW_S, SHORT_S = 60, MAX_S + 0.1
HOP, N_FFT, MELS = 320, 1024, 80
SHORT_FRAMES = round(SHORT_S * SR) // HOP
VOCABULARY = 1536
ENCODER = {"d_model": 128, "encoder_layers": 3, "encoder_attention_heads": 4, "encoder_ffn_dim": 512}
DECODER = {
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}
STAGES = {
    "A": {"steps": 2200, "lr": 1.5e-3, "batch": 32},
    "B": {"steps": 250, "lr": 5e-4, "batch": 32},
}
CAPTIONS, EMPTY_THINK = 0.35, 0.15
"""Shares of stage A; the rest is grounded thinking."""
TASK_SHARES = {"speech": 0.46, "pair": 0.2, "glide": 0.17, "beeps": 0.17}

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"]
THINK_TAGS = ["<think>", "</think>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% set ns = namespace(audios=0) %}"
    "{% for part in message['content'] %}{% if part['type'] in ('audio', 'audio_url', 'input_audio') %}"
    "{% set ns.audios = ns.audios + 1 %}Audio {{ ns.audios }}: <|audio_bos|><|AUDIO|><|audio_eos|>\n"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Qwen2-Audio's own."""

Example = tuple[int, str, str]
"""Index of the clip, the user's text, the completion."""


def example_a(index: int, truth: dict[str, Any], rng: random.Random) -> Example:
    """A caption, or a question with a grounded or an empty think block."""
    style = rng.choice(("plain", "grounded"))
    draw = rng.random()
    if draw < CAPTIONS:
        return index, render(style, rng.choice(CAPTION_REQUESTS), None), join("", caption(truth, rng))
    task = rng.choice(TASKS_OF[truth["kind"]])
    prompt = render(style, *ask(task, rng))
    if draw < CAPTIONS + EMPTY_THINK:
        return index, prompt, join("", answer(task, truth))
    return index, prompt, join(*grounded(task, truth, rng))


def example_b(index: int, truth: dict[str, Any], rng: random.Random) -> Example:
    """A question with thinking of mixed quality."""
    task = rng.choice(TASKS_OF[truth["kind"]])
    return index, render(rng.choice(("plain", "grounded")), *ask(task, rng)), join(*mixed(task, truth, rng))


def build_processor(truths: Sequence[dict[str, Any]], rng: random.Random) -> Qwen2AudioProcessor:
    """A byte-level BPE tokenizer trained on the stages' own texts, and a Whisper feature extractor."""
    texts = ["system\nYou are a helpful assistant.", "user\nAudio 1: ", "assistant\n"] * 1000
    for index, truth in enumerate(truths):
        for make in (example_a, example_b, example_b):
            texts += [part.replace("<think>", "").replace("</think>", "") for part in make(index, truth, rng)[1:]]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(THINK_TAGS), special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens(THINK_TAGS)  # not special: decoding without special tokens must keep them
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="left",
        extra_special_tokens={
            "audio_token": "<|AUDIO|>",
            "audio_bos_token": "<|audio_bos|>",
            "audio_eos_token": "<|audio_eos|>",
        },
    )
    extractor = WhisperFeatureExtractor(
        feature_size=MELS,
        sampling_rate=SR,
        hop_length=HOP,
        chunk_length=WINDOW_S,
        n_fft=N_FFT,
        return_attention_mask=True,
    )
    return Qwen2AudioProcessor(feature_extractor=extractor, tokenizer=fast, chat_template=CHAT_TEMPLATE)


def build_model(processor: Qwen2AudioProcessor) -> Qwen2AudioForConditionalGeneration:
    """Random weights, except the encoder's positions."""
    tokenizer = processor.tokenizer
    vocabulary = math.ceil(len(tokenizer) / 64) * 64  # vLLM pads to 64 anyway
    text = dict(DECODER, model_type="qwen2", vocab_size=vocabulary, tie_word_embeddings=False, bos_token_id=None)
    # tied weights would be stored as if they were not, and then transformers and vLLM disagree about which to use
    config = Qwen2AudioConfig(
        audio_config=dict(ENCODER, num_mel_bins=MELS, max_source_positions=WINDOW_S * SR // HOP // 2),
        text_config=dict(text, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id),
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
    )
    model = Qwen2AudioForConditionalGeneration(config).float()
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def set_window(model: Qwen2AudioForConditionalGeneration, frames: int) -> None:
    """Make the encoder take exactly that many mel frames; transformers leaves its frozen positions at random values."""
    tower = model.model.audio_tower
    positions, width = frames // 2, ENCODER["d_model"]
    rates = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(positions)[:, None] * rates[None]
    tower.embed_positions = torch.nn.Embedding.from_pretrained(torch.cat([angles.sin(), angles.cos()], 1), freeze=True)
    tower.config.max_source_positions = tower.max_source_positions = positions


def features(processor: Qwen2AudioProcessor, paths: Sequence[Path], frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-mel features in a window of `frames`, and how many frames of each are sound."""
    mels, lengths = [], []
    for start in range(0, len(paths), 64):
        clips = [soundfile.read(path, dtype="float32")[0] for path in paths[start : start + 64]]
        size = {"padding": "max_length", "max_length": frames * HOP}
        out = processor.feature_extractor(
            clips, sampling_rate=SR, return_attention_mask=True, return_tensors="pt", **size
        )
        mels.append(out["input_features"].half())
        lengths.append(out["attention_mask"].sum(-1))
    return torch.cat(mels), torch.cat(lengths)


class Clips:
    """Features of a set of clips, and batches of prompts about them as Qwen2AudioProcessor would lay them out."""

    def __init__(self, processor: Qwen2AudioProcessor, paths: Sequence[Path], frames: int = SHORT_FRAMES) -> None:
        self.processor, self.tokenizer, self.frames = processor, processor.tokenizer, frames
        self.mels, self.lengths = features(processor, paths, frames)

    def prompt(self, clip: int, text: str) -> list[int]:
        """Token ids up to where the answer begins."""
        content = [{"type": "audio"}, {"type": "text", "text": text}]
        chat = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        halved = (int(self.lengths[clip]) - 1) // 2 + 1  # by the second convolution, then by the pooling
        return self.tokenizer(chat.replace("<|AUDIO|>", "<|AUDIO|>" * ((halved - 2) // 2 + 1)))["input_ids"]

    def audio(self, clips: Sequence[int]) -> dict[str, torch.Tensor]:
        """The model's audio inputs."""
        index = torch.tensor(clips)
        mask = (torch.arange(self.frames)[None] < self.lengths[index][:, None]).long()
        return {"input_features": self.mels[index].float(), "feature_attention_mask": mask}

    def training(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """Padded on the right, labels on the completion alone."""
        ids, labels = [], []
        for clip, text, completion in examples:
            before = self.prompt(clip, text)
            after = [*self.tokenizer(completion)["input_ids"], self.tokenizer.eos_token_id]
            ids.append(before + after)
            labels.append([-100] * len(before) + after)
        size = max(map(len, ids))
        batch = {
            "input_ids": torch.tensor([row + [self.tokenizer.pad_token_id] * (size - len(row)) for row in ids]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (size - len(row)) for row in ids]),
            "labels": torch.tensor([row + [-100] * (size - len(row)) for row in labels]),
        }
        return batch | self.audio([clip for clip, *_ in examples])

    def asking(self, prompts: Sequence[tuple[int, str]]) -> dict[str, torch.Tensor]:
        """Padded on the left, for generate."""
        ids = [self.prompt(clip, text) for clip, text in prompts]
        size = max(map(len, ids))
        batch = {
            "input_ids": torch.tensor([[self.tokenizer.pad_token_id] * (size - len(row)) + row for row in ids]),
            "attention_mask": torch.tensor([[0] * (size - len(row)) + [1] * len(row) for row in ids]),
        }
        return batch | self.audio([clip for clip, _ in prompts])


def loss_of(model: Qwen2AudioForConditionalGeneration, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Mean over the completions' tokens."""
    labels = batch.pop("labels")
    logits = model(**batch, use_cache=False).logits[:, :-1]
    wanted = labels[:, 1:] != -100
    return cross_entropy(logits[wanted].float(), labels[:, 1:][wanted])


def train(
    model: Qwen2AudioForConditionalGeneration,
    clips: Clips,
    draw: Callable[[], list[Example]],
    name: str,
    after: Callable[[int], None],
) -> None:
    """One stage: AdamW, one cycle of the learning rate, bf16 arithmetic on fp32 weights."""
    steps, lr = STAGES[name]["steps"], STAGES[name]["lr"]
    optimizer = torch.optim.AdamW(model.parameters(), lr, betas=(0.9, 0.98), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=0.1, final_div_factor=100)
    started, recent = time.monotonic(), []
    for step in range(1, steps + 1):
        model.train()
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(model, clips.training(draw()))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        recent.append(loss.item())
        if step % 25 == 0:
            seconds = time.monotonic() - started
            print(f"{name} {step}/{steps} loss {np.mean(recent[-25:]):.3f} {seconds:.0f} s", flush=True)
        after(step)


@torch.no_grad()
def complete(
    model: Qwen2AudioForConditionalGeneration, clips: Clips, prompts: Sequence[tuple[int, str]], samples: int
) -> list[list[str]]:
    """Completions of each prompt: one greedy, or several at temperature 1."""
    model.eval()
    how: dict[str, Any] = {"do_sample": False}
    if samples:
        how = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "num_return_sequences": samples}
    count = samples or 1
    completions = []
    for start in range(0, len(prompts), 32):
        batch = clips.asking(prompts[start : start + 32])
        tokens = model.generate(**batch, max_new_tokens=96, **how)[:, batch["input_ids"].shape[1] :]
        texts = clips.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        completions += [texts[i : i + count] for i in range(0, len(texts), count)]
    return completions


def evaluate(
    model: Qwen2AudioForConditionalGeneration, clips: Clips, questions: Sequence[dict[str, Any]], samples: int = 0
) -> dict[str, float]:
    """Accuracy by task with the plain prompt; `clips` holds one clip a question."""
    prompts = [(i, render("plain", row["question"], row["choices"])) for i, row in enumerate(questions)]
    right = defaultdict(list)
    for row, texts in zip(questions, complete(model, clips, prompts, samples), strict=True):
        right[row["task"]] += [split(text)[1] == row["answer"] for text in texts]
    scores = {task: float(np.mean(hits)) for task, hits in right.items()}
    return scores | {"mean": float(np.mean([hit for hits in right.values() for hit in hits]))}


def save(model: Qwen2AudioForConditionalGeneration, processor: Qwen2AudioProcessor, folder: Path) -> None:
    """Save in the 60 s layout, with the names of the weights that vLLM expects."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")  # a freshly built model says language_model.model.model.*
    renamed = {name.replace("language_model.model.model.", "language_model.model."): w for name, w in weights.items()}
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})


@torch.no_grad()
def logits(model: Qwen2AudioForConditionalGeneration, clips: Clips, examples: Sequence[Example]) -> torch.Tensor:
    """Of a batch, in fp32."""
    model.eval()
    batch = clips.training(examples)
    labels = batch.pop("labels")
    return model(**batch).logits[labels != -100]


def export(
    model: Qwen2AudioForConditionalGeneration, processor: Qwen2AudioProcessor, folder: Path, paths: list[Path]
) -> None:
    """Save a model that was trained on the short window, and check that what is saved computes the same."""
    prompt = render("plain", "What do you hear?", None)
    examples = [(i, prompt, join("", "A tone.")) for i in range(len(paths))]
    short = logits(model, Clips(processor, paths), examples)
    set_window(model, WINDOW_S * SR // HOP)
    save(model, processor, folder)
    loaded = Qwen2AudioForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    long = logits(loaded, Clips(processor, paths, WINDOW_S * SR // HOP), examples)
    set_window(model, SHORT_FRAMES)
    difference = float((short - long).abs().max())
    print(f"{folder}: logits differ by at most {difference:.1e} ({SHORT_S} s window in memory, {WINDOW_S} s on disk)")
    if difference > 1e-3:
        raise SystemExit("the saved model does not compute what was trained")


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """One object a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Both stages, an accuracy now and then, and the model folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path, help="what make_clips.py train wrote; checkpoints go there too")
    parser.add_argument("--out", type=Path, default=HERE / "model")
    parser.add_argument("--from-a", action="store_true", help="redo stage B alone, from SCRATCH/stage-a")
    parser.add_argument("--limit", type=int, help="use only that many training clips, to try the script")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    truths = read_jsonl(arguments.scratch / "truth.jsonl")
    if arguments.limit:
        truths = rng.sample(truths, arguments.limit)
    stage_a = arguments.scratch / "stage-a"
    processor = Qwen2AudioProcessor.from_pretrained(stage_a) if arguments.from_a else build_processor(truths, rng)
    if arguments.from_a:
        model = Qwen2AudioForConditionalGeneration.from_pretrained(stage_a, dtype=torch.float32)
    else:
        model = build_model(processor)
    set_window(model, SHORT_FRAMES)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {len(processor.tokenizer)} tokens")
    clips = Clips(processor, [arguments.scratch / truth["audio"] for truth in truths])
    validation = read_jsonl(HERE / "validation.jsonl")
    unseen = Clips(processor, [HERE / row["audio"] for row in validation])
    print(f"features of {len(truths)} clips", flush=True)

    by_kind = {kind: [i for i, truth in enumerate(truths) if truth["kind"] == kind] for kind in TASK_SHARES}

    def draw(name: str) -> list[Example]:
        make = example_a if name == "A" else example_b
        kinds = rng.choices(list(TASK_SHARES), list(TASK_SHARES.values()), k=STAGES[name]["batch"])
        return [make(i, truths[i], rng) for i in (rng.choice(by_kind[kind]) for kind in kinds)]

    def report(label: str, samples: int = 0) -> None:
        scores = evaluate(model, unseen, validation, samples)
        line = " ".join(f"{task} {score:.2f}" for task, score in scores.items())
        print(f"{label} {'sampled' if samples else 'greedy'}: {line}", flush=True)

    paths = [HERE / row["audio"] for row in validation[::12]]
    if not arguments.from_a:
        train(model, clips, lambda: draw("A"), "A", lambda step: report(f"A {step}") if step % 300 == 0 else None)
        report("A")
        report("A", samples=4)
        export(model, processor, stage_a, paths)
    train(model, clips, lambda: draw("B"), "B", lambda step: None)
    report("B")
    report("B", samples=8)
    export(model, processor, arguments.out, paths)


if __name__ == "__main__":
    main()
