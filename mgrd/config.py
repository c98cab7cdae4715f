"""The TOML of `mgrd run`, checked before any work; and its options as the command lines of the stages.

Knows which tables there are and which of their keys are paths; what an option means is its stage's.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgrd import consult, engines, prompts, rulebook, settings
from mgrd.engines.models import model_fingerprint
from mgrd.errors import MisusedError, RuleError
from mgrd.options import Distill, Eval, Filter, Generate, Run, Select

TABLES: dict[str, type] = {
    "run": Run,
    "generate": Generate,
    "filter": Filter,
    "select": Select,
    "distill": Distill,
    "eval": Eval,
}
STAGES = ("generate", "filter", "distill", "eval")

HOW_IT_RUNS = {
    "rounds",
    "stop_when",
    "audio_root",
    "engine",
    "url",
    "preset",
    "audio_part",
    "window",
    "no_canary",
    "concurrency",
    "timeout",
    "batch",
    "data_parallel",
    "grace",
    "tensor_parallel",
    "gpu_memory",
    "max_model_len",
    "vllm",
    "trust_remote_code",
    "max_failed",
    "retry_failed",
    "recheck",
    "judge_engine",
    "judge_url",
    "extractor_engine",
    "extractor_url",
    "workers",
    "ray",
    "ray_gpus",
    "accumulate",
    "gradient_checkpointing",
    "report_to",
    "save_steps",
    "engine_python",
}
"""Options that may change between two calls of the same run; all others, and the questions, are its identity.

Of `vllm` some are: mgrd.engines.vllm.arguments says which.
"""

_PATHS = (
    ("run", "model"),
    ("run", "questions"),
    ("run", "audio_root"),
    ("generate", "prompt"),
    ("filter", "rules"),
    ("filter", "calibration"),
    ("filter", "extractor_model"),
    ("filter", "blind"),
    ("filter", "judge"),
    ("distill", "replay"),
    ("eval", "prompt"),
    ("eval", "questions"),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A run's TOML, checked; its paths are absolute."""

    run: Run
    generate: Generate
    filter: Filter
    select: Select
    distill: Distill
    eval: Eval
    checks: dict[str, dict[str, Any]]
    """Options of single checks: [filter.checks.NAME]."""
    python: dict[str, str]
    """The interpreter of each stage."""
    identity: dict[str, Any]


def read_config(path: Path) -> Config:
    """Read and check a run's TOML: unknown tables and keys, types, ranges, paths, checks and their options."""
    from mgrd import distill  # which has options as flags, of this module, for its trial

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MisusedError(f"{path}: no such config") from None
    except OSError as error:
        raise MisusedError(f"{path}: cannot be read as a config ({error.strerror}); give a TOML file") from error
    except ValueError as error:
        raise MisusedError(f"{path}: is not TOML: {error}") from error
    if unknown := sorted(content.keys() - TABLES.keys() - {"vllm"}):
        raise MisusedError(f"{path}: unknown table {', '.join(unknown)}; it knows {', '.join(TABLES)}, vllm")
    if strays := [name for name, table in content.items() if not isinstance(table, dict)]:
        raise MisusedError(f"{path}: {strays[0]} must be a table, [{strays[0]}]")
    found = {name: dict(content.get(name, {})) for name in TABLES}
    pythons = {stage: found[stage].pop("python", sys.executable) for stage in STAGES}
    checks = found["filter"].pop("checks", {})
    if not isinstance(checks, dict) or not all(isinstance(one, dict) for one in checks.values()):
        raise MisusedError(f"{path}: checks must be tables, [filter.checks.NAME]")
    parsed: dict[str, Any] = {
        name: settings.from_table(TABLES[name], found[name], f"{path}: [{name}]") for name in TABLES
    }
    if content.get("vllm") and all(parsed[table].engine not in (None, "vllm") for table in ("generate", "eval")):
        raise MisusedError(f"{path}: [vllm]: goes with engine = 'vllm' in [generate] or [eval]")
    for table in ("generate", "eval"):
        settings.mapping(parsed[table].map)
        if parsed[table].engine in (None, "vllm"):  # the other may have another engine
            shared = _engine_arguments(content.get("vllm", {}))
            parsed[table] = dataclasses.replace(parsed[table], vllm=[*shared, *parsed[table].vllm])
        if parsed[table].lora is not None:
            raise MisusedError(
                f"{path}: [{table}] lora: a run samples from what its last round has trained; merge the adapter into "
                "[run] model"
            )
        engines.check_vllm(parsed[table])
        if parsed[table].engine == "server":
            raise MisusedError(
                f"{path}: [{table}] engine = 'server': a server does not sample from what a round has trained; "
                f"sample with mgrd {table} --engine server, and judge that"
            )
        if parsed[table].shard is not None:
            raise MisusedError(
                f"{path}: [{table}] shard: a round needs all samples; use data_parallel, or mgrd {table} --shard"
            )
        engines.check_server(parsed[table].engine, parsed[table].url)
    distill.check_options(parsed["distill"])
    base = path.absolute().parent
    resolved = _resolved(parsed, base, path)
    identity = _identity(parsed) | {f"filter.checks.{name}": one for name, one in checks.items()}
    identity["run.model"] = model_fingerprint(Path(resolved["run"].model))
    identity |= {f"{table}.prompt": prompts.template(resolved[table].prompt) for table in ("generate", "eval")}
    for table in ("generate", "eval"):
        identity |= {f"{table}.{name}": value for name, value in engines.vllm_identity(parsed[table]).items()}
    identity["rules"] = _fingerprint_rules(resolved["filter"], checks, path)
    asked = consult.chosen(resolved["filter"], consult.QUESTIONS.keys() - set(resolved["filter"].without))
    identity |= {f"filter.{name}": value for name, value in asked.identity.items()}
    return Config(
        **resolved,
        checks=checks,
        python={stage: _interpreter(name, base, f"{path}: [{stage}]") for stage, name in pythons.items()},
        identity=identity,
    )


def flags(chosen: Any) -> list[str]:
    """Options as a command line: every value that is set, also to its default, so that a manifest shows it."""
    words: list[str] = []
    for field in settings.fields(type(chosen)):
        value, flag = getattr(chosen, field.name), f"--{field.name.replace('_', '-')}"
        if field.name == "questions" or value is None or value is False:
            continue
        if value is True:
            words.append(flag)
        elif isinstance(value, list):
            words += [word for item in value for word in (flag, str(item))]
        elif isinstance(value, tuple):
            words += [flag, *map(str, value)]
        else:
            words += [flag, str(value)]
    return words


def check_flags(checks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """[filter.checks.NAME] as `--check-option NAME.key=value`, values as JSON."""
    return [
        word
        for name, chosen in checks.items()
        for key, value in chosen.items()
        for word in ("--check-option", f"{name}.{key}={json.dumps(value)}")
    ]


def _engine_arguments(table: Mapping[str, Any]) -> list[str]:
    """[vllm] as `--vllm KEY=VALUE`, values as JSON."""
    return [f"{key}={json.dumps(value)}" for key, value in table.items()]


_BY_CONTENT = ("questions", "map", "calibration", "extractor_model", "blind", "judge")


def _identity(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a run what it is, by `table.key`, with paths as they were written, so that a run may move."""
    return {
        f"{name}.{field.name}": getattr(chosen, field.name)
        for name, chosen in parsed.items()
        for field in settings.fields(type(chosen))
        if field.name not in HOW_IT_RUNS and field.name not in _BY_CONTENT
    }


def _resolved(parsed: Mapping[str, Any], base: Path, path: Path) -> dict[str, Any]:
    """The same options with their paths taken relative to the config's folder."""
    found = dict(parsed)
    for name, key in _PATHS:
        value = getattr(found[name], key)
        if value is None or value in ("plain", "grounded") or _is_served(found[name], key):
            continue
        candidate = base / Path(value).expanduser()
        if candidate.exists():
            found[name] = dataclasses.replace(found[name], **{key: str(candidate)})
        elif key != "questions":  # may be the name of a data set
            raise MisusedError(f"{path}: [{name}] {key} = {value!r}: {candidate} does not exist")
    return found


def _is_served(chosen: Any, key: str) -> bool:
    """Whether a key holds the name of a server's model and no path."""
    engine_of = {"extractor_model": "extractor_engine", "blind": "judge_engine", "judge": "judge_engine"}
    return key in engine_of and getattr(chosen, engine_of[key]) == "server"


def _interpreter(name: Any, base: Path, where: str) -> str:
    if isinstance(name, str):
        candidate = str(base / Path(name).expanduser()) if "/" in name else name
        if found := shutil.which(candidate):
            return found
    raise MisusedError(f"{where} python = {name!r}: no such interpreter")


def _fingerprint_rules(chosen: Filter, checks: Mapping[str, Mapping[str, Any]], path: Path) -> str:
    """A hash of the rules. A file that is no check is a RuleError; a name or an option that no check has is misuse."""
    own = [Path(chosen.rules)] if chosen.rules else []
    rulebook.load(own)
    try:
        return rulebook.fingerprint(rulebook.load(own, without=chosen.without, options=checks))
    except RuleError as error:
        raise MisusedError(f"{path}: [filter]: {error}") from error
