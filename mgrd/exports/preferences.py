"""What each trainer reads of preference pairs: a survivor, and a trace of the same question that the rules reject.

Read in the same packages as mgrd.exports.forms:

- ms-swift 4.6.0: `messages` ends with the chosen answer, `rejected_response` is the other; the clips are of both
  (swift.readthedocs.io, Customization/Custom-dataset; `RowPreprocessor._check_rejected_response` refuses two alike).
- LLaMA-Factory 0.9.5: `ranking` in dataset_info.json, messages that end with the user's, `chosen` and `rejected` as one
  message each (data/README.md; `SharegptDatasetConverter` skips a row whose messages end with an answer).
- TRL 1.16.0: `prompt`, `chosen` and `rejected` as conversations (huggingface.co/docs/trl/dataset_formats, preference
  with an explicit prompt). Its DPOTrainer hands images on to the model, and no audio.
- verl 0.9.1 learns from rewards: it has no form.

Knows nothing about which traces make a pair: mgrd.distill.pairs does.
"""

from __future__ import annotations

from typing import Any

from mgrd.exports import forms
from mgrd.exports.forms import ASKED, FORMS, MEDIA, MESSAGES, SWIFT, TAGS, Form, Row

_IDS = {"chosen_id": "string", "rejected_id": "string", "reason": "string"}
_WHOLE = {
    **_IDS,
    **{"why": "string", "question_id": "string", "audio": "audio", **ASKED, "prompt": "string"},
    **{
        "chosen_think": "string",
        "chosen_response": "string",
        "rejected_think": "string",
        "rejected_response": "string",
    },
    "model": "string",
}


def _ids(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _IDS}


def _swift(row: Row) -> dict[str, Any]:
    messages = forms.turns(row, forms.said(row))
    return {**_ids(row), "messages": messages, "rejected_response": row["rejected"], "audios": row["clips"]}


def _llama(row: Row) -> dict[str, Any]:
    user, chosen, rejected = forms.turns(row, forms.said(row), row["rejected"])
    return {**_ids(row), "messages": [user], "chosen": chosen, "rejected": rejected, "audios": row["clips"]}


def _trl(row: Row) -> dict[str, Any]:
    sides = {"chosen": forms.answered(forms.said(row)), "rejected": forms.answered(row["rejected"])}
    return {**_ids(row), "prompt": forms.heard(row), **sides, "audio": row["clips"]}


def _hf(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _WHOLE if name not in ("audio", "prompt")} | {
        "audio": row["clips"],
        "prompt": row["turn"],
    }


PAIR_FORMS: dict[str, Form] = {
    "ms-swift": Form(
        reads=FORMS["ms-swift"].reads,
        table="train.jsonl",
        row=_swift,
        placeholders=MEDIA + SWIFT,
        holds="pairs",
        use="cd DIR && swift rlhf --rlhf_type dpo --model MODEL --dataset train.jsonl    # or ROOT_IMAGE_DIR=DIR",
    ),
    "llama-factory": Form(
        reads=FORMS["llama-factory"].reads,
        table="train.jsonl",
        row=_llama,
        placeholders=MEDIA,
        holds="pairs",
        beside={
            "mgrd": {
                "file_name": "train.jsonl",
                "formatting": "sharegpt",
                "ranking": True,
                "columns": {name: name for name in ("messages", "chosen", "rejected", "audios")},
                "tags": TAGS,
            }
        },
        use="llamafactory-cli train --dataset_dir DIR --dataset mgrd --stage dpo ...",
    ),
    "trl": Form(
        reads=FORMS["trl"].reads,
        table="data/train-*.parquet",
        row=_trl,
        features={**_IDS, "prompt": MESSAGES, "chosen": MESSAGES, "rejected": MESSAGES, "audio": "audio"},
        embeds=True,
        holds="pairs",
        use="load_dataset('DIR', split='train')  # preference with an explicit prompt; DPOTrainer hands on no audio",
    ),
    "hf": Form(
        reads=FORMS["hf"].reads,
        table="data/train-*.parquet",
        row=_hf,
        features=_WHOLE,
        embeds=True,
        holds="pairs",
        use=FORMS["hf"].use,
    ),
}
