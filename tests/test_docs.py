"""What the pages promise: commands and keys that exist, messages that mgrd says, a site that needs no network."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest
import typer
from documented import PAGES, ROOT, blocks

from mgrd import settings
from mgrd.cli import app
from mgrd.config import TABLES

COMMANDS = typer.main.get_command(app)
TYPED = [(page, words) for page in PAGES for block in blocks(page) for words in block.commands()]
INLINE = re.compile(r"(?<!`)`(mgrd [a-z]+ [^`\n]*)`")


@pytest.mark.parametrize(
    ("page", "words"), TYPED, ids=[f"{page.stem}: {' '.join(words)[:60]}" for page, words in TYPED]
)
def test_every_command_in_a_code_block_is_one_that_mgrd_takes(page, words):
    name, *rest = [word for word in words if word not in ("...",)]
    context = COMMANDS.commands[name].make_context(name, rest)  # exits or raises where an option or a value is none
    assert context.info_name == name


def test_code_blocks_name_every_command_at_least_once():
    assert {words[0] for _, words in TYPED} == set(COMMANDS.commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_options_that_the_text_of_a_page_gives_to_a_command_are_options_of_it(page):
    for typed in INLINE.findall(page.read_text(encoding="utf-8")):
        _, name, *words = typed.split()
        if name == "bench":
            continue  # what follows the benchmark's name is its own
        known = {flag for one in COMMANDS.commands[name].params for flag in one.opts} | {"--help"}
        flags = {word.split("=")[0].rstrip(".,;:") for word in words if re.match(r"--?[a-z]", word)}
        assert flags <= known, typed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_keys_of_a_runs_toml_are_keys_that_mgrd_knows(page):
    for block in blocks(page):
        if block.language != "toml":
            continue
        found = tomllib.loads(block.text)
        assert found.keys() <= {*TABLES, "vllm"}, block.text
        for name, table in found.items():
            known = {field.name for field in settings.fields(TABLES[name])} if name in TABLES else table.keys()
            assert table.keys() <= {*known, "python", "checks"}, block.text


def test_the_generated_pages_are_what_the_code_says():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_links_from_pages_that_are_not_of_the_site_lead_to_files_that_are_there():
    for page in (ROOT / "README.md", ROOT / "CHANGELOG.md"):
        targets = re.findall(r"\]\((?!https?:)([^)#\s]*)", page.read_text(encoding="utf-8"))
        assert [one for one in targets if not (page.parent / one).exists()] == []


def said():
    """Every text in the code of mgrd and of the checks, with … for what is filled in."""
    found = set()
    for path in (*(ROOT / "mgrd").rglob("*.py"), *(ROOT / "rules").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.add("".join(one.value if isinstance(one, ast.Constant) else "…" for one in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_every_message_of_the_troubleshooting_page_is_one_that_mgrd_says():
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^### `(.*)`$", page, re.MULTILINE)
    known = said()
    assert len(quoted) >= 15
    assert [one for one in quoted if not any(one in text for text in known)] == []


def test_the_site_builds_without_a_warning_and_asks_nothing_of_the_network(tmp_path):
    pytest.importorskip("material")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--site-dir",
            tmp_path / "site",
        ],  # --quiet counts nothing
        cwd=ROOT,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, re.findall("^WARNING.*", done.stderr, re.MULTILINE)) == (0, [])
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(PAGES) - 2
    assert list((tmp_path / "site").rglob("*.pyc")) == []  # they hold paths of this machine
    loaded = [
        url
        for page in pages
        for url in re.findall(
            r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?([^\"\s>]+)", page.read_text()
        )
        if re.match(r"(https?:)?//", url)
    ]
    assert loaded == []
