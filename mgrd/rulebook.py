"""The checks under `rules/`: found, bound to their options, and put to a trace.

A check is a file: its docstring is its documentation, its keyword arguments are its options, KEEP and DROP are its
tests. This module knows nothing about what any check looks for, opens no audio and writes no table. It imports nothing
heavy, because `mgrd rules` lists checks without judging anything.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mgrd.errors import RuleError
from mgrd.traces import join, split
from mgrd.verdicts import Verdict, corrected

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements
    from mgrd.claims import Claim
    from mgrd.claims.calibration import Corpus

RULES = ("acoustic", "logic", "correctness")
"""The three families, in the order in which objections are written down."""

PACKAGE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Trace:
    """What a check may look at: one sampled completion with everything that was computed about it."""

    id: str
    think: str
    response: str
    completion: str
    question: str = ""
    choices: list[str] | None = None
    answer: str | None = None
    """The gold answer, or None when the question has none."""
    task: str | None = None
    language: str | None = None
    predicted: str | None = None
    """The choice or value that the response was resolved to."""
    unresolved: str | None = None
    """Why there is no `predicted`."""
    correct: bool | None = None
    """None without a gold answer; False when nothing could be resolved."""
    finish_reason: str | None = "stop"
    """stop, length, abort or error; None when nobody recorded it."""
    error: str | None = None
    claims: list[Claim] = field(default_factory=list)
    """What `think` asserts about the clip, verified (mgrd.claims)."""
    measurements: list[Measurements] = field(default_factory=list)
    """One for each clip, in the order of the question."""
    heard_s: list[float] = field(default_factory=list)
    """Seconds of each clip that the model was given; empty when nobody recorded it."""
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    """What a model that was asked for a check said of this trace, by the check; empty when none was asked."""


@dataclass(frozen=True, slots=True)
class Example:
    """The ingredients of a trace for KEEP and DROP: cheap to list, made into a Trace only when a test asks."""

    think: str
    response: str
    clip: Mapping[str, float] | None
    fields: Mapping[str, Any]

    def trace(self) -> Trace:
        """Resolve, extract and verify, as the filter does with a real trace."""
        from mgrd.answers import is_correct, resolve

        fields = dict(self.fields)
        think, response = self.think, self.response
        if "completion" in fields:
            think, response = split(fields["completion"])
        resolved = resolve(response, fields.get("choices"), fields.get("answer"))
        measured = [_measured(self.clip)] if self.clip is not None else []
        made: dict[str, Any] = {
            "completion": join(think, response),
            "predicted": resolved.value,
            "unresolved": None if resolved.value is not None else resolved.why,
            "correct": corrected(
                is_correct(resolved.value, fields.get("answer"), fields.get("choices")), fields.get("verdicts", {})
            ),
            "claims": verified_claims(think, measured),
            "measurements": measured,
            "heard_s": [one.duration_s for one in measured],
        }
        return Trace(**{"id": "example", "think": think, "response": response} | made | fields)


def example(
    think: str,
    *,
    response: str = "",
    question: str = "",
    choices: list[str] | None = None,
    answer: str | None = None,
    clip: Mapping[str, float] | None = None,
    **fields: Any,
) -> Example:
    """One entry of a check's KEEP or DROP.

    `clip` gives figures of the clip by the names of mgrd.audio.measure, e.g. `{"f0_median_hz": 210.0}`; without it
    nothing was measured. `completion=` (with an empty think) sets the raw completion; other `fields` are those of Trace
    and override what would be computed.
    """
    if unknown := sorted(fields.keys() - Trace.__dataclass_fields__.keys()):
        raise TypeError(f"example() has no field {', '.join(unknown)}")
    known = {"question": question, "choices": choices, "answer": answer}
    return Example(think, response, clip, known | fields)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a trace does not pass; the rows of the `objections` column."""

    rule: str
    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """One file under a rules folder, with its options bound."""

    name: str
    rule: str
    doc: str
    options: dict[str, Any]
    """Every keyword argument of `check`, defaults included."""
    path: Path
    keep: list[Example] = field(repr=False)
    drop: list[Example] = field(repr=False)
    function: Callable[..., str | None] = field(repr=False)

    @property
    def summary(self) -> str:
        """The first sentence of its documentation, on one line."""
        return " ".join(self.doc.split("\n\n")[0].split())

    def __call__(self, trace: Trace) -> str | None:
        """The reason to object, on one line, or None. A crash keeps its traceback and gains the check's name."""
        try:
            reason = self.function(trace, **self.options)
            if reason is not None and not (isinstance(reason, str) and reason.strip()):
                raise TypeError(f"check() returned {reason!r}; it must return a reason or None")
        except Exception as error:
            error.add_note(f"in the check {self.rule}.{self.name} ({self.path}), on the trace {trace.id}")
            raise
        return None if reason is None else " ".join(reason.split())


def verified_claims(think: str, measurements: Sequence[Measurements], corpus: Corpus | None = None) -> list[Claim]:
    """What `think` asserts about the clips, each claim with its verdict; `corpus` as for mgrd.claims.verify."""
    from mgrd.claims.extract import extract
    from mgrd.claims.verify import verify

    return verify(extract(think), measurements, corpus)


def judge(trace: Trace, checks: Iterable[Check]) -> list[Objection]:
    """Put every check to a trace, also after the first objection, in the order of `checks`."""
    return [Objection(check.rule, check.name, reason) for check in checks if (reason := check(trace)) is not None]


def built_in() -> Path:
    """The folder of the rules that come with mgrd: inside the package in a wheel, beside it in a checkout."""
    for folder in (PACKAGE / "_rules", PACKAGE.parent / "rules"):
        if (folder / RULES[0]).is_dir():
            return folder
    raise RuleError(f"{PACKAGE}: the rules that come with mgrd are missing; install mgrd again")


def load(
    folders: Sequence[Path] = (),
    *,
    without: Iterable[str] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Check]:
    """Load the built-in checks and those of `folders`, but for `without`, ordered by family and name.

    A user's folder is laid out like the built-in one: `DIR/logic/my_check.py`. `options` maps a check's name to keyword
    arguments. Raises RuleError, naming the file, for whatever would make a verdict mean something else than was asked.
    """
    files: dict[str, Path] = {}
    for folder in (built_in(), *folders):
        for path in _files(folder):
            if path.stem in files:
                raise RuleError(f"{path}: there is already a check {path.stem} ({files[path.stem]}); rename one")
            files[path.stem] = path
    wanted, left_out = dict(options or {}), set(without)
    for name in sorted((wanted.keys() | left_out) - files.keys()):
        raise RuleError(f"there is no check {name}; there are {', '.join(sorted(files))}")
    for name in sorted(wanted.keys() & left_out):
        raise RuleError(f"the check {name} is left out and given options; choose one")
    chosen = sorted(files, key=lambda name: (RULES.index(files[name].parent.name), name))
    return [_load(files[name], wanted.get(name, {})) for name in chosen if name not in left_out]


def fingerprint(checks: Sequence[Check]) -> str:
    """A hash of all that decides a verdict but for the audio: checks, options, vocabulary, the code they rest on."""
    digest = hashlib.sha256()
    for check in checks:
        settings = json.dumps([check.rule, check.name, check.options], sort_keys=True, default=list)
        digest.update(settings.encode() + b"\0" + check.path.read_bytes() + b"\0")
    names = (
        *("answers", "choices", "matchers", "mathematics", "meanings", "numerals"),
        *("opposites", "stances", "traces", "verdicts"),
    )
    code = [PACKAGE / f"{name}.py" for name in names]
    cues = [built_in() / "answers.toml", *sorted((built_in() / "cues").glob("*.toml"))]
    for path in (*code, *sorted((PACKAGE / "claims").glob("*.py")), *cues):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def describe(check: Check) -> str:
    """A check in full, for `mgrd rules NAME`: what it is for, its options, what it keeps and what it drops."""
    lines = [f"{check.rule}.{check.name}", "", check.doc, "", "Options:"]
    lines += [f"  {name} = {json.dumps(value, default=list)}" for name, value in check.options.items()] or ["  none"]
    for title, examples in (("Keeps:", check.keep), ("Objects to:", check.drop)):
        lines += ["", title, *(f"  {_shown(entry)}" for entry in examples)]
    return "\n".join(lines) + "\n"


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise RuleError(f"{folder}: no such folder of rules")
    found = sorted(path for path in folder.rglob("*.py") if not path.name.startswith("_"))
    for path in found:
        if path.parent.parent != folder or path.parent.name not in RULES:
            raise RuleError(f"{path}: a check lies in one of {', '.join(f'{folder / rule}/' for rule in RULES)}")
    if not found:
        raise RuleError(f"{folder}: no checks; they lie in {folder}/acoustic/, logic/ or correctness/")
    return found


def _load(path: Path, options: Mapping[str, Any]) -> Check:
    module = _execute(path)
    doc = inspect.getdoc(module)
    function = getattr(module, "check", None)
    missing = [] if doc else ["a docstring"]
    missing += [] if callable(function) else ["check(trace, *, options)"]
    missing += [name for name in ("KEEP", "DROP") if not getattr(module, name, None)]
    if missing or function is None or doc is None:
        raise RuleError(f"{path}: not a check, it lacks {', '.join(missing)}")
    if strangers := [one for one in (*module.KEEP, *module.DROP) if not isinstance(one, Example)]:
        raise RuleError(f"{path}: KEEP and DROP hold example(...), not {type(strangers[0]).__name__}")
    bound = _bind(path, function, options)
    return Check(path.stem, path.parent.name, doc, bound, path, list(module.KEEP), list(module.DROP), function)


def _execute(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mgrd_rules_{path.parent.name}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RuleError(f"{path}: cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise RuleError(f"{path}: line {error.lineno}: {error.msg}") from error
    except ImportError as error:
        raise RuleError(f"{path}: {error}; a check starts with `from mgrd.rulebook import Trace, example`") from error
    except Exception as error:  # whatever a user's file does at import; its traceback is what helps
        error.add_note(f"while loading the check {path}")
        raise
    return module


def _bind(path: Path, function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of a check: its defaults, overridden by `options` of the same types."""
    parameters = list(inspect.signature(function).parameters.values())
    keywords = parameters[1:]
    if not parameters or any(one.kind is not one.KEYWORD_ONLY or one.default is one.empty for one in keywords):
        raise RuleError(f"{path}: check takes (trace, *, options with defaults), not {inspect.signature(function)}")
    defaults = {one.name: one.default for one in keywords}
    bound = dict(defaults)
    for name, value in options.items():
        if name not in defaults:
            raise RuleError(f"{path}: check has no option {name}; it has {', '.join(defaults) or 'none'}")
        fitting = _fitted(value, defaults[name])
        if fitting is None:
            kind = type(defaults[name]).__name__
            raise RuleError(f"{path}: option {name} = {value!r} must be of type {kind}, like {defaults[name]!r}")
        bound[name] = fitting
    return bound


def _fitted(value: Any, default: Any) -> Any:
    """`value` as the type of `default`, or None. TOML has no tuples and writes 1 for 1.0."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)
    fits = default is None or type(value) is type(default)
    return value if fits else None


def _shown(entry: Example) -> str:
    text = entry.fields.get("completion") or entry.think
    clip = f"  [{', '.join(f'{name} {value:g}' for name, value in entry.clip.items())}]" if entry.clip else ""
    shown = " ".join(text.split())
    answer = f"  => {entry.response}" if entry.response else ""
    return (shown if len(shown) <= 160 else shown[:159] + "…") + answer + clip


_SIGMA = {
    "hz": (0.02, 1.0), "bpm": (0.02, 1.0), "s": (0.0, 0.05), "st": (0.0, 0.5), "db": (0.0, 1.0), "count": (0.0, 0.3),
}  # fmt: skip
"""Standard errors for examples, by the unit that ends a figure's name: a share of the value, and a floor."""


def _measured(clip: Mapping[str, float]) -> Measurements:
    """Measurements with the given figures, and for the rest the reason that an example did not state them."""
    from mgrd.audio.measure import Figure, Measurements

    figures = {}
    for name, value in clip.items():
        unit = name.rsplit("_", 1)[-1].replace("dbfs", "db").replace("lufs", "db")
        share, floor = _SIGMA.get(unit, (0.05, 0.01))
        figures[name] = Figure(value, max(share * abs(value), floor))
    duration_s = float(clip.get("duration_s", 5.0))
    return Measurements("example", "example", duration_s, 16000, figures, {}, 0.01, [])
