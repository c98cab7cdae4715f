"""The dataset card of an export: where the traces come from, which rules kept them, and what those dropped.

Everything in it is read from what `generate` and `filter` left beside the survivors; what is not there is said to be
unknown. No path of the machine and no time of day: the same work gives the same page. The form is that of the hub
(huggingface.co/docs/hub/datasets-cards): YAML, which also tells `datasets` what to load, then Markdown.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mgrd
from mgrd import folders, tables
from mgrd.exports.forms import Form
from mgrd.terminal import safe

NAME = "README.md"

_ROWS_ARE = {
    "traces": "traces, each with one think block",
    "questions": "questions to sample from again, each once",
    "pairs": "pairs: a trace that passed, and one of the same question that a rule rejects",
}
_BESIDE = {"traces": "", "questions": "", "pairs": ", each beside one that they reject"}
_LEFT_OUT = {"traces": "survivors", "questions": "survivors", "pairs": "pairs"}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_FILES = (".jsonl", ".json", ".csv", ".parquet")
_SAMPLING = ("engine", "temperature", "top_p", "max_tokens", "seed", "prompt", "control")


def facts(folder: Path) -> dict[str, Any]:
    """What a folder of survivors says of them: how they were sampled, by which rules judged, and what came of it."""
    manifest = folders.read_manifest(folder)
    sampled = manifest.get("generate", {}).get("identity", {})
    judged = manifest.get("filter", {})
    rules = judged.get("identity", {})
    return {
        "folder": folder.resolve().name,
        **_source(folder, manifest.get("generate", {})),
        "model": sampled.get("model"),
        "sampling": {name: sampled[name] for name in _SAMPLING if sampled.get(name) is not None},
        "checks": {name: judged.get("check_sha256", {}).get(name) for name in rules.get("checks", [])},
        "options": rules.get("options", {}),
        "rulebook": rules.get("rulebook"),
        "extractor": rules.get("extractor"),
        **_outcome(folder),
    }


def model_name(path: str) -> str:
    """What a model is called by the folder it was sampled from: no path, which would tell of the machine."""
    parts = Path(path).parts
    return "/".join(parts[-2:] if parts[-1] == "model" and re.match(r"round-\d", "".join(parts[-2:-1])) else parts[-1:])


def source_name(given: str) -> str:
    """Questions by name: a data set of the hub as it was given, of a path the last part."""
    path = Path(given)
    is_path = path.suffix in _FILES or path.is_absolute() or len(path.parts) > 2 or given.startswith((".", "~"))
    return path.name if is_path else given


def _source(folder: Path, sampled: Mapping[str, Any]) -> dict[str, Any]:
    """The questions, and of a run its first model: by the run's config, else by what `generate` was given."""
    config = folder.resolve().parent / "config.toml"
    if not config.is_file():
        return {"questions": source_name(sampled["questions"]) if "questions" in sampled else None}
    run = tomllib.loads(config.read_text(encoding="utf-8")).get("run", {})
    named = {name: run[name] for name in ("questions", "model") if isinstance(run.get(name), str)}
    return {
        "questions": source_name(named["questions"]) if "questions" in named else None,
        "first_model": Path(named["model"]).name if "model" in named else None,
    }


def _outcome(folder: Path) -> dict[str, Any]:
    """Counts over the judged traces; empty when only the survivors are left."""
    if not (folder / "judged").is_dir():
        return {}
    judged = tables.read_table(folder / "judged", tables.JUDGED, ["passed", "error", "objections"])
    named = judged["objections"].explode().drop_nulls().struct.unnest()
    counts = named.group_by("rule", "check").len().sort("rule", "check") if named.height else named
    return {
        "traces": judged.height,
        "failed": int(judged["error"].is_not_null().sum()),
        "passed": int(judged["passed"].sum()),
        "objections": {f"{row['rule']}.{row['check']}": row["len"] for row in tables.rows_of(counts)},
    }


def page(
    form: Form,
    found: Sequence[Mapping[str, Any]],
    figures: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    seconds: float,
    licence: str,
) -> str:
    """The card of an export of `rows`, whose clips last `seconds` in all."""
    models = sorted({row["model"] for row in rows if row["model"]})
    parts = [
        _front(form, rows, licence),
        "# Audio reasoning that the sound bears out\n",
        "Traces of an audio language model that passed rules which check them against the waveform"
        f"{_BESIDE[form.holds]}, exported by mgrd {mgrd.__version__} for {form.reads}.\n",
        f"```\n{form.use}\n```\n",
        _what(form, figures, rows, seconds),
        f"Model that wrote them: {', '.join(map(_code, models)) or 'not recorded'}.\n",
        _licence(licence),
        *(_section(one) for one in found),
    ]
    return "\n".join(parts)


def _front(form: Form, rows: Sequence[Mapping[str, Any]], licence: str) -> str:
    languages = sorted(
        {row["language"].lower() for row in rows if re.fullmatch("[A-Za-z]{2,3}", row["language"] or "")}
    )
    front: dict[str, Any] = {
        "license": licence,
        **({"language": languages} if languages else {}),
        "task_categories": ["audio-text-to-text"],
        "tags": ["audio", "reasoning", "mgrd", *(["preference"] if form.holds == "pairs" else [])],
        "size_categories": [next((name for limit, name in _SIZES if len(rows) < limit), "n>1M")],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": form.table}]}],
    }
    # JSON is YAML, and quotes what YAML would misread (the language "no")
    return "---\n" + "".join(f"{name}: {json.dumps(value)}\n" for name, value in front.items()) + "---\n"


def _what(form: Form, figures: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], seconds: float) -> str:
    questions = len({(row["question_id"], row["question"]) for row in rows})
    lines = [
        ("rows", f"{len(rows):,} {_ROWS_ARE[form.holds]}"),
        ("questions", f"{questions:,}"),
        ("clips", f"{figures['clips']:,}, {seconds / 3600:.2f} h, as they were sampled from"),
        ("left out", f"{figures['left_out']:,} {_LEFT_OUT[form.holds]} that {form.reads} cannot be given"),
    ]
    if form.holds == "pairs":
        counts = Counter(row["reason"] for row in rows)
        lines.append(("rejected for", ", ".join(f"{_code(reason)} {count:,}" for reason, count in counts.items())))
    tasks = sorted({row["task"] for row in rows if row["task"]})
    if tasks:
        lines.append(
            ("tasks", ", ".join(map(_code, tasks[:20])) + (f" and {len(tasks) - 20} more" * (len(tasks) > 20)))
        )
    return _table(("", ""), lines)


def _licence(licence: str) -> str:
    known = "is not known to mgrd: say so with --license" if licence == "unknown" else f"is given as {_code(licence)}"
    return (
        f"The licence of the clips {known}. They are copies of their sources; who publishes them needs the right to. "
        "The terms of the model that wrote the traces may bind their use, too.\n"
    )


def _section(found: Mapping[str, Any]) -> str:
    """One folder of survivors: how its traces came to be, and what was objected to."""
    sampling = ", ".join(f"{name} {_code(str(value))}" for name, value in found["sampling"].items())
    lines = [
        ("questions", _code(found["questions"] or "") or "not recorded"),
        *([("first model of the run", _code(found["first_model"]))] if found.get("first_model") else []),
        ("sampled with", sampling or "not recorded"),
        ("model's fingerprint", _code(str(found["model"])) if found["model"] else "not recorded"),
        ("rules' fingerprint", _code(str(found["rulebook"])) if found["rulebook"] else "not recorded"),
        ("measured by", _code(str(found["extractor"])) if found["extractor"] else "not recorded"),
    ]
    if "traces" in found:
        lines += [("traces judged", f"{found['traces']:,}"), ("failed samples", f"{found['failed']:,}")]
        lines += [("passed", f"{found['passed']:,}")]
    objections = found.get("objections", {})
    checks = [
        (
            _code(name),
            f"{objections.get(name, 0):,}" if "traces" in found else "not recorded",
            _code(json.dumps(options, sort_keys=True))
            if (options := found["options"].get(name.split(".")[-1]))
            else "",
            _code(found["checks"].get(name) or "") or "not recorded",
        )
        for name in [*found["checks"], *(one for one in objections if one not in found["checks"])]
    ]
    rules = _table(("check", "objections", "options", "sha256 of its file"), checks) if checks else ""
    return f"## {_plain(found['folder'])}\n\n{_table(('', ''), lines)}\n{rules}"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *lines))


def _code(text: str) -> str:
    """Words that others chose, as code in a table's cell: nothing in them is markup."""
    return f"`{_plain(text)}`" if text else ""


def _plain(text: str) -> str:
    return " ".join(safe(text).split()).replace("`", "'").replace("|", "/").replace("<", "‹").replace(">", "›")
