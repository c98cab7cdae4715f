"""What each trainer reads: the columns of a row, the words it takes for placeholders, where it looks for clips.

Read in the released packages in November 2026, and in their documentation:

- ms-swift 4.6.0: `messages` and `audios`, one `<audio>` a clip (swift.readthedocs.io/en/latest/Customization/
  Custom-dataset.html; `RowPreprocessor.standard_keys`). A relative path is looked for in the working folder, then in
  ROOT_IMAGE_DIR (`template/vision_utils.py`).
- LLaMA-Factory 0.9.5: sharegpt with `audios`, described by `dataset_info.json` (data/README.md; `data/parser.py`). A
  relative path is looked for in `media_dir`, which is `dataset_dir` by default. It counts `<audio>` in every turn and
  refuses a row with more or fewer than clips (`data/mm_plugin.py`).
- TRL 1.16.0: `prompt` and `completion` as conversations (huggingface.co/docs/trl/dataset_formats). It has no collator
  for audio: content is in parts, as it has them for images, so that a processor's chat template writes the placeholder.
- verl 0.9.1: RLHFDataset reads `prompt`, `audios`, `data_source`, `reward_model` and `extra_info`
  (`utils/dataset/rl_dataset.py`); its SFT data set has no audio. So a row is a question to sample from again, not a
  trace, and `extra_info` is what mgrd.rewards reads.
- datasets 5.2: Parquet with a column of `Audio` (huggingface.co/docs/datasets/audio_dataset). A folder of clips beside
  a metadata file would do, but cannot even be loaded without torchcodec and FFmpeg; Parquet can, and is streamed.

Knows nothing about files: mgrd.exports writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mgrd.traces import join

AUDIO = "<audio>"
MEDIA = (AUDIO, "<image>", "<video>")
SWIFT = ("<bbox>", "<ref-object>", "<cot-process>", "<start-image>")  # `special_tokens` in template/base.py

Row = Mapping[str, Any]
"""A survivor, with `turn` (what the user says), `clips` (as the form carries them) and `model` (a name, no path).

Of a pair (mgrd.exports.preferences) also `rejected`, what the rejected trace says, and the pair's other columns."""


@dataclass(frozen=True, slots=True)
class Form:
    """How survivors, or pairs of one and a rejected trace, are written for one trainer."""

    reads: str
    """The trainer, and the version that was read."""
    table: str
    """The file of rows, in the folder; `*` where there may be several."""
    row: Callable[[Row], dict[str, Any]]
    features: Mapping[str, Any] | None = None
    """Types of the columns of a Parquet table; JSONL has none."""
    embeds: bool = False
    """Whether the table holds the clips; else they lie beside it, and rows hold relative paths."""
    placeholders: tuple[str, ...] = ()
    """Words that the trainer takes for a clip, a picture or a box wherever they stand in a row."""
    holds: Literal["traces", "questions", "pairs"] = "traces"
    """What a row is; a question has a gold answer."""
    beside: Mapping[str, Any] | None = None
    """Content of `dataset_info.json`."""
    use: str = ""
    """How the folder is given to the trainer; DIR is the folder."""


def said(row: Row) -> str:
    """What the survivor says: one think block, then the response."""
    return join(row["think"] or "", row["response"])


def _swift(row: Row) -> dict[str, Any]:
    return {"id": row["trace_id"], "messages": turns(row, said(row)), "audios": row["clips"]}


def turns(row: Row, *answer: str) -> list[dict[str, str]]:
    """The user's turn, with a placeholder for each clip, and the assistant's where there is one."""
    user = {"role": "user", "content": AUDIO * len(row["clips"]) + row["turn"]}
    return [user, *({"role": "assistant", "content": text} for text in answer)]


def _trl(row: Row) -> dict[str, Any]:
    return {
        "trace_id": row["trace_id"],
        "prompt": heard(row),
        "completion": answered(said(row)),
        "audio": row["clips"],
        **{name: row[name] for name in ASKED},
    }


def heard(row: Row) -> list[dict[str, Any]]:
    """The user's turn in parts, one of them for each clip."""
    clips = [{"type": "audio", "text": None} for _ in row["clips"]]
    return [{"role": "user", "content": [*clips, {"type": "text", "text": row["turn"]}]}]


def answered(text: str) -> list[dict[str, Any]]:
    """The assistant's turn in parts."""
    return [{"role": "assistant", "content": [{"type": "text", "text": text}]}]


def _verl(row: Row) -> dict[str, Any]:
    asked = {name: row[name] for name in ("question", "choices", "task", "language")}
    return {
        "data_source": row["task"] or "audio",
        "prompt": turns(row),
        "audios": row["clips"],
        "ability": "audio",
        "reward_model": {"style": "rule", "ground_truth": row["answer"]},
        "extra_info": {"id": row["question_id"], **asked, "audio": row["clips"]},
    }


def _hf(row: Row) -> dict[str, Any]:
    claims = [{name: claim[name] for name in _CLAIM} for claim in row["claims"] or []]
    return {**{name: row[name] for name in _HF if name not in ("audio", "claims")}, "prompt": row["turn"]} | {
        "audio": row["clips"],
        "claims": claims,
    }


_TEXT, _TEXTS = "string", ["string"]
MESSAGES = [{"role": _TEXT, "content": [{"type": _TEXT, "text": _TEXT}]}]
ASKED = {"question": _TEXT, "choices": _TEXTS, "answer": _TEXT, "task": _TEXT, "language": _TEXT}
TAGS = {
    **{"role_tag": "role", "content_tag": "content"},
    **{"user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"},
}
"""What dataset_info.json says of messages as OpenAI has them."""
_CLAIM = {
    **{"start": "int32", "end": "int32", "text": _TEXT, "cue": _TEXT, "claimed": _TEXT, "measured": "float64"},
    **{"unit": _TEXT, "z": "float32", "verdict": _TEXT, "why": _TEXT},
}
_HF = {
    "trace_id": _TEXT,
    "question_id": _TEXT,
    "audio": "audio",
    **ASKED,
    **{"prompt": _TEXT, "think": _TEXT, "response": _TEXT, "predicted": _TEXT, "model": _TEXT, "claims": [_CLAIM]},
}

FORMS: dict[str, Form] = {
    "ms-swift": Form(
        reads="ms-swift 4.6",
        table="train.jsonl",
        row=_swift,
        placeholders=MEDIA + SWIFT,
        use="cd DIR && swift sft --model MODEL --dataset train.jsonl    # or ROOT_IMAGE_DIR=DIR from anywhere",
    ),
    "llama-factory": Form(
        reads="LLaMA-Factory 0.9.5",
        table="train.jsonl",
        row=_swift,
        placeholders=MEDIA,
        beside={
            "mgrd": {
                "file_name": "train.jsonl",
                "formatting": "sharegpt",
                "columns": {"messages": "messages", "audios": "audios"},
                "tags": TAGS,
            }
        },
        use="llamafactory-cli train --dataset_dir DIR --dataset mgrd --stage sft ...",
    ),
    "trl": Form(
        reads="TRL 1.16",
        table="data/train-*.parquet",
        row=_trl,
        features={"trace_id": _TEXT, "prompt": MESSAGES, "completion": MESSAGES, "audio": "audio", **ASKED},
        embeds=True,
        use="SFTTrainer(..., train_dataset=load_dataset('DIR', split='train'), data_collator=YOURS)  # TRL has none",
    ),
    "verl": Form(
        reads="verl 0.9.1",
        table="train.parquet",
        row=_verl,
        features={
            "data_source": _TEXT,
            "prompt": [{"role": _TEXT, "content": _TEXT}],
            "audios": _TEXTS,
            "ability": _TEXT,
            "reward_model": {"style": _TEXT, "ground_truth": _TEXT},
            "extra_info": {
                **{"id": _TEXT, "question": _TEXT, "choices": _TEXTS, "task": _TEXT, "language": _TEXT},
                "audio": _TEXTS,
            },
        },
        placeholders=MEDIA,
        holds="questions",
        use="cd DIR && python -m verl.trainer.main_ppo data.train_files=train.parquet "
        "reward.custom_reward_function.path=pkg://mgrd.rewards ...",
    ),
    "hf": Form(
        reads="datasets 5.2",
        table="data/train-*.parquet",
        row=_hf,
        features=_HF,
        embeds=True,
        use="datasets.load_dataset('DIR', split='train')",
    ),
}


def stands_in(row: Row, form: Form) -> str | None:
    """A placeholder that stands in a survivor's own words, where the trainer would take it for a clip; else None."""
    said_by = {"traces": ("think", "response"), "questions": (), "pairs": ("think", "response", "rejected")}
    words = [row["turn"], *(row[name] or "" for name in said_by[form.holds])]
    return next((mark for mark in form.placeholders if any(mark in text for text in words)), None)
