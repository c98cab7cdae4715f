"""One text held against a clip: its claims found, measured and judged, as a page or as JSON.

For trying out, without traces or folders; `mgrd filter` judges the same way. Keeps nothing.
"""

from __future__ import annotations

import io
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from mgrd.claims import as_row
from mgrd.claims.calibration import find, read
from mgrd.claims.vocabulary import check_files
from mgrd.errors import InputError, MisusedError
from mgrd.progress import stderr
from mgrd.rulebook import verified_claims
from mgrd.terminal import json_line, safe
from mgrd.traces import blocks, split
from mgrd.viewer import SIGNS, claims_table, console, marked, show

ROWS = 1000
"""Claims that the table lists; what is left out is counted."""

MOST_BYTES = 64 << 20
"""Of a text: a trace has some kilobytes, and a pipe may never end."""


_FILE_NAME = re.compile(r"\S+\.[A-Za-z]\w{1,4}|\.{0,2}/\S+")
"""A text without a space that ends as a file does or begins as a path."""


def read_text(given: str) -> str:
    """The text that `--text` means: stdin for `-`, what a file or pipe of that name holds, else itself.

    InputError for what is not UTF-8, for more than 64 MiB, and for the name of a device.
    """
    path = None if given == "-" else _file(given)
    name = "standard input" if given == "-" else f"--text {path}" if path else "--text"
    try:
        if given == "-":
            return _with_words(_decoded(sys.stdin.buffer, name), name)
        if not given.strip():
            raise MisusedError("--text: is empty; give a text, a file that holds one, or - for standard input")
        if path is None:
            if _FILE_NAME.fullmatch(given):
                stderr.print(f"--text {safe(given)}: no such file; its name is judged as the text", markup=False)
            return _with_words(
                given.encode().decode(), name
            )  # bytes of the command line that are no UTF-8 are surrogates here
        if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISFIFO(mode):
            raise InputError(f"{name}: is neither a file nor a pipe; give a text file, or - for standard input")
        with path.open("rb") as handle:
            return _with_words(_decoded(handle, name), name)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from error
    except UnicodeError:
        raise InputError(f"{name}: is not UTF-8; save it as UTF-8 text") from None


def _with_words(text: str, name: str) -> str:
    if not text.strip():
        stderr.print(f"{safe(name)}: the text is empty; there is nothing to find in it", markup=False)
    return text


def _decoded(handle: IO[bytes], name: str) -> str:
    found = handle.read(MOST_BYTES + 1)
    if len(found) > MOST_BYTES:
        raise InputError(f"{name}: is larger than {MOST_BYTES >> 20} MiB; give one text at a time")
    return io.TextIOWrapper(io.BytesIO(found), encoding="utf-8-sig").read()  # ends of lines as in any text file


def _file(given: str) -> Path | None:
    path = Path(given)
    try:
        return path if path.exists() and not path.is_dir() else None
    except (OSError, ValueError):  # a text longer than any name, or with a NUL
        return None


def print_check(text: str, audio: Sequence[Path], *, calibration: str | None, as_json: bool) -> None:
    """Print what `check` finds as a page, or with `as_json` as one object, on stdout."""
    checked = check(text, audio, calibration)
    if as_json:
        console().out(json_line(checked), highlight=False)
        return
    for part in page(checked, text):
        show(part)
    console().out(summary(checked), highlight=False)


def check(text: str, audio: Sequence[Path], calibration: str | None = None) -> dict[str, Any]:
    """The claims of `text` (of its thinking, where it has think tags) with what these clips say to each.

    `calibration` names the file or folder of one's own clips, as for filter; the text's language is not known, so its
    group of all languages is used. Returns `think`, which the claims' `start` and `end` index, `response`, `audio`,
    `claims` (rows as in the judged table) and the number of claims of each verdict. Raises MisusedError for a clip or
    a calibration that is not there, InputError for one that cannot be used, and RuleError for a slip in `rules/cues/`.
    """
    for path in audio:
        if not path.is_file():
            raise MisusedError(f"--audio {path}: {'is not a file' if path.exists() else 'no such file'}")
    check_files()  # before anything is measured
    found = find(calibration, [])
    corpus = None if found is None else read(found).of(None)
    clips = []
    for path in audio:
        from mgrd.audio.load import survey
        from mgrd.audio.measure import by_name, measure_file

        with by_name(str(path)):
            clips.append(measure_file(path, survey(path)))
    think, response = split(text)
    claims = [as_row(claim) for claim in verified_claims(think, clips, corpus)]
    verdicts = Counter(claim["verdict"] for claim in claims)
    return {
        "audio": [{"path": str(path), "audio_sha": clip.audio_sha} for path, clip in zip(audio, clips, strict=True)],
        "think": think,
        "response": response,
        "claims": claims,
        **{verdict: verdicts[verdict] for verdict in SIGNS},
    }


def page(checked: Mapping[str, Any], text: str) -> Iterator[RenderableType]:
    """The text with its claims marked, and the table of claims."""
    claims = checked["claims"]
    if blocks(text) == (0, 0):
        yield marked(checked["think"], claims) if checked["think"] else Text("(no text)", style="dim")
    else:
        yield Text("Think", style="bold")
        yield Padding(marked(checked["think"], claims), (0, 0, 0, 2))
        yield Text("Response", style="bold")
        yield Padding(Text(safe(checked["response"]) or "(none)"), (0, 0, 0, 2))
    yield Text("")
    if claims:
        yield claims_table(claims[:ROWS])
        more = f"and {len(claims) - ROWS:,} more; --json has them all\n" if len(claims) > ROWS else ""
        yield Text(more)


def summary(checked: Mapping[str, Any]) -> str:
    """`5 claims: 3 supported, 1 contradicted, 1 unverifiable`, and how many spans assert nothing."""
    judged = sum(checked[verdict] for verdict in SIGNS)
    others = len(checked["claims"]) - judged
    counts = ", ".join(f"{checked[verdict]:,} {verdict}" for verdict in SIGNS)
    spans = "span asserts" if others == 1 else "spans assert"
    rest = f"; {others:,} more {spans} nothing about the clip" if others else ""
    return f"{judged:,} claim{'' if judged == 1 else 's'}: {counts}{rest}"
