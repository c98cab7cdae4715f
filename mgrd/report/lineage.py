"""The last section: what was asked for, by which versions, and from what each model was made.

Takes manifests as they are; judges nothing.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mgrd import folders
from mgrd.report.facts import Round, training_of
from mgrd.report.html import Child, Html, code, details, number, table, tag


def lineage(run: Path, rounds: Sequence[Round]) -> Html:
    """Models, settings, versions, checks and command lines."""
    manifest = folders.read_manifest(run)
    made = manifest.get("run", {}) or _stage(manifest)
    parts: list[Child] = [_models(rounds)]
    if identity := made.get("identity"):
        parts.append(details("Settings", table(["Setting", "Value"], _pairs(identity), texts=2, caption="Settings")))
    if versions := made.get("versions"):
        parts.append(details("Versions", table(["Package", "Version"], _pairs(versions), texts=2, caption="Versions")))
    last = next((one for one in reversed(rounds) if one.own), None)
    checks = folders.read_manifest(last.folder).get("filter", {}).get("check_sha256", {}) if last else {}
    if checks:
        hashes = [[code(name), tag("code", sha[:16])] for name, sha in sorted(checks.items())]
        parts.append(details("Checks and their hashes", table(["Check", "SHA-256"], hashes, texts=2, caption="Checks")))
    stages = manifest.get("stages", {})
    if stages:
        rows = [
            [name, "done" if one.get("done") else "not done", tag("code", shlex.join(one.get("command", ())))]
            for name, one in sorted(stages.items())
        ]
        parts.append(details("Command lines", table(["Step", "State", "Command"], rows, texts=3, caption="Commands")))
    return Html("".join(str(one) for one in parts if one))


def stop_when(run: Path) -> list[str]:
    """The signs that the run's config ends it on."""
    import tomllib

    path = run / "config.toml"
    asked = tomllib.loads(path.read_text(encoding="utf-8")).get("run", {}) if path.exists() else {}
    return [str(name) for name in asked.get("stop_when", [])]


def _models(rounds: Sequence[Round]) -> Html | None:
    """Which survivors, of which hash, made which model of which."""
    rows: list[list[Child]] = []
    for one in rounds:
        trained = folders.read_manifest(one.folder).get("distill", {}).get("identity", {})
        if trained:
            rows.append([one.name, *(tag("code", str(trained.get(key, ""))[:16]) for key in ("model", "survivors")),
                         number(training_of(one).get("traces"))])  # fmt: skip
    return (
        table(["Trained in", "From model", "On survivors", "Traces"], rows, texts=3, caption="Lineage")
        if rows
        else None
    )


def _stage(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return dict(manifest.get("filter") or manifest.get("generate") or manifest.get("eval") or {})


def _pairs(values: Mapping[str, Any]) -> list[list[Child]]:
    return [
        [code(key), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)]
        for key, value in sorted(values.items())
    ]
