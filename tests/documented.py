"""What the pages say that a shell would be told: their code blocks, and a folder in which they can be run.

A block that is run has a comment on the line before it, which no reader sees: `<!-- run -->` for commands, `<!-- file:
PATH -->` for a file that the commands after it read. Nothing here knows what a command does.
"""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUICKSTART = ROOT / "examples" / "quickstart"
PAGES = sorted({*ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md"), ROOT / "README.md"})
BLOCK = re.compile(r"(?:^<!-- (run|file: \S+) -->\n)?^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SMALLER = {
    "rounds = 2": "rounds = 1",
    "questions_per_round = 96": "questions_per_round = 6",
    "samples = 8": "samples = 4",
    "max_tokens = 96": "max_tokens = 48",
    "epochs = 4": "epochs = 1",
    "workers = 2": "workers = 1",
    'questions = "heldout.jsonl"\n': "",
}
"""What a test leaves of the quickstart's config, so that a run of it takes seconds."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its text, and what a test does with it (run, a file's name, or "")."""

    page: Path
    language: str
    text: str
    does: str

    def commands(self):
        """The `mgrd` commands of the block, as argument lists; lines that end in `\\` go on, comments do not count."""
        lines = self.text.replace("\\\n", " ").splitlines()
        typed = [re.sub(r"^\s*(?:\$ )?", "", line) for line in lines]
        return [shlex.split(line, comments=True)[1:] for line in typed if re.match(r"mgrd [a-z-]", line)]


def blocks(page):
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    fenced = [Block(page, one[2], one[3], (one[1] or "").removeprefix("file: ")) for one in BLOCK.finditer(text)]
    indented = "".join(re.findall(r"^ {4}mgrd [a-z].*\n", BLOCK.sub("", text), re.MULTILINE))
    return [*fenced, *([Block(page, "", indented, "")] if indented else [])]


def clone(folder):
    """A folder with what a clone has beside the code: the quickstart, with a few of its questions and one round."""
    here = folder / "examples" / "quickstart"
    here.mkdir(parents=True)
    for name in ("model", "audio"):
        (here / name).symlink_to(QUICKSTART / name)
    for name, few in (("pool.jsonl", 6), ("heldout.jsonl", 4)):
        (here / name).write_text("".join((QUICKSTART / name).read_text().splitlines(True)[:few]))
    config = (QUICKSTART / "config.toml").read_text()
    for given, less in SMALLER.items():
        assert given in config, given
        config = config.replace(given, less)
    (here / "config.toml").write_text(config)
    return folder


def workspace(folder):
    """The same with what the pages' commands name: questions, clips, a model and a clip of the reader's own."""
    clone(folder)
    (folder / "audio").mkdir()
    pool, held_out = ((QUICKSTART / name).read_text().splitlines(True) for name in ("pool.jsonl", "heldout.jsonl"))
    for name, lines in (("questions", pool[:6]), ("heldout", held_out[:4]), ("all", held_out[:4])):
        (folder / f"{name}.jsonl").write_text("".join(lines))
    asked = {json.loads(line)["audio"] for line in (*pool[:6], *held_out[:4])}
    for name in sorted({*asked, "audio/pool-speech-0000.ogg", "audio/pool-speech-0001.ogg"}):
        (folder / name).symlink_to(QUICKSTART / name)
    (folder / "clip.wav").symlink_to(QUICKSTART / "audio" / "pool-speech-0000.ogg")
    (folder / "MODEL").symlink_to(QUICKSTART / "model")
    return folder
