"""The report of a run: one file, the same for the same run, in which nothing that a model wrote is obeyed."""

import base64
import io
import json
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
import soundfile
from judged_rows import claim, trace, write

from mgrd import report, tables
from mgrd.audio import cache, measure
from mgrd.audio.load import clip_of
from mgrd.config import read_config
from mgrd.errors import InputError, MisusedError
from mgrd.evaluate import evaluation
from mgrd.evaluate.benchmarks import Published
from mgrd.options import SignName
from mgrd.report import examples, facts, figures, html, marks, sections, signs

TONE = (0.3 * np.sin(2 * np.pi * 220 * np.arange(16000) / 16000)).astype(np.float32)
NASTY = "</p><script>alert(1)</script><img src=x onerror=alert(2)> & \u202egnp.exe \x1b[31m"


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and whether they close in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.wrong, self.text = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        self.open.append(name)

    def handle_startendtag(self, name, attributes):
        self.elements.append((name, dict(attributes)))

    def handle_endtag(self, name):
        if not self.open or self.open.pop() != name:
            self.wrong.append(name)

    def handle_data(self, data):
        self.text.append(data)

    def of(self, name):
        return [attributes for element, attributes in self.elements if element == name]


def make_run(folder, *rounds, survivors=None):
    """A run whose rounds have these rows; what passed is kept, or of `survivors` its own."""
    for number, rows in enumerate(rounds, 1):
        here = folder / f"round-{number:02d}"
        write(here, rows)
        kept = [row["passed"] if survivors is None else row["trace_id"] in survivors for row in rows]
        selection = [
            {
                "trace_id": row["trace_id"],
                "question_id": row["question_id"],
                "kept": one,
                "why": None if one else "left",
            }
            for row, one in zip(rows, kept, strict=True)
        ]
        tables.write_table(selection, here / "selection.parquet", tables.SELECTION)
    return folder


def some(count=4, *, samples=2, **given):
    """Traces of so many questions, every other sample rejected."""
    return [
        trace(f"q{i}", s, objections=["logic.fluent"] * (s % 2), claims=["supported"], **given)
        for i in range(count)
        for s in range(samples)
    ]


@pytest.fixture
def page(tmp_path):
    """Write a report of a run and parse it."""

    def page(folder, **given):
        result = report.write(folder, tmp_path / "page.html", **given)
        return Page((tmp_path / "page.html").read_text(encoding="utf-8")), result

    return page


def test_the_same_run_gives_the_same_bytes(tmp_path):
    run = make_run(tmp_path / "run", some(), some())
    report.write(run, tmp_path / "a.html")
    report.write(run, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_page_is_whole_and_asks_for_nothing_from_anywhere(page, tmp_path):
    found, result = page(make_run(tmp_path / "run", some(), some()))
    assert (found.open, found.wrong) == ([], [])
    assert [name for name, _ in found.elements if name in ("script", "link", "iframe", "object")] == []
    addresses = [value for _, has in found.elements for key in ("src", "href", "data") if (value := has.get(key))]
    assert [one for one in addresses if not one.startswith(("#", "data:audio/"))] == []
    policy = [one["content"] for one in found.of("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; media-src data:; img-src data:"]
    assert "url(" not in "".join(found.text) and "@import" not in "".join(found.text)
    assert result["bytes"] == (tmp_path / "page.html").stat().st_size


def test_text_of_a_model_is_shown_and_not_obeyed(page, tmp_path):
    given = {
        "think": NASTY,
        "question": NASTY,
        "choices": [NASTY, "b"],
        "answer": NASTY,
        "predicted": NASTY,
        "task": NASTY,
    }
    bad = trace(
        "q1", 0, objections=[("logic", "fluent", NASTY)], claims=[claim("supported", NASTY)], audio=[NASTY], **given
    )
    found, _ = page(make_run(tmp_path / "run", [bad]))
    assert (found.of("script"), found.of("img"), found.wrong) == ([], [], [])
    assert "".join(found.text).count("<script>alert(1)</script>") >= 6
    assert not set("\u202e\x1b") & set("".join(found.text))


def test_text_runs_in_the_direction_of_its_own_letters(page, tmp_path):
    given = {"question": "مرتفع؟", "think": "הקול יורד.", "choices": ["صاعد", "هابط"], "answer": "هابط"}
    found, _ = page(make_run(tmp_path / "run", [trace("q1", 0, **given)]))
    own = [has for name in ("h4", "p", "li", "dd") for has in found.of(name) if has.get("dir") == "auto"]
    assert len(own) == 1 + 1 + 2 + 3  # question, think text, choices; answer, gold and task


def test_every_figure_says_in_words_what_it_shows(page, tmp_path):
    found, _ = page(make_run(tmp_path / "run", some(), some()))
    pictures = [has for has in found.of("svg") if has.get("aria-hidden") != "true"]
    assert len(pictures) > 6
    assert [has for has in pictures if has["role"] != "img" or len(has["aria-label"]) < 20] == []
    assert len(found.of("title")) == len(found.of("desc")) + 1 == len(pictures) + 1


def test_held_out_questions_without_their_audio_stand_beside_those_with_it(page, tmp_path):
    run = make_run(tmp_path / "run", some(), some())
    gain = {"difference": 0.422, "interval": [0.305, 0.539]}
    for number in (1, 2):
        here = run / f"round-0{number}"
        write(here / "eval", some())
        write(here / "eval" / "control-swap", some(correct=False))
        controls = {"swap": {"accuracy": 0.0, "gain": {"accuracy": gain | {"interval": None} if number == 1 else gain}}}
        tables.write_json({"eval": {"accuracy": 1.0, "controls": controls}}, here / "metrics.json")
    found, _ = page(run)
    told = [has["aria-label"] for has in found.of("svg") if has.get("aria-label", "").startswith("Accuracy.")]
    ran = "100.0\u202f% to 100.0\u202f%"
    assert told == [f"Accuracy. Held-out {ran}; own {ran}; with another clip 0.0\u202f% to 0.0\u202f%."]
    text = "".join(found.text)
    assert "What hearing gains" in text
    assert "with another clipAccuracy+42.2+42.2 +30 to +54" in text
    lines = [has["class"] for has in found.of("path") if has["class"] in ("line held", "line own", "line swap")]
    assert lines[:3] == ["line held", "line own", "line swap"]


def test_a_clip_can_be_played_and_its_pitch_is_drawn(page, tmp_path):
    clip = clip_of(TONE, 16000)
    run = make_run(tmp_path / "run", [trace("q1", 0, audio_sha=[clip.sha], claims=["supported"])])
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "clips" / "a.wav", TONE, 16000)
    row = cache.to_row(measure.measure(clip))
    tables.write_table([row], run / "measurements.parquet", cache.MEASUREMENTS)
    found, result = page(run, audio_root=tmp_path)
    (audio,) = found.of("audio")
    head, _, body = audio["src"].partition(",")
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(body)))
    assert head in ("data:audio/mpeg;base64", "data:audio/wav;base64")
    assert len(heard) / rate == pytest.approx(1.0, abs=0.1)
    assert (result["players"], result["unplayable"]) == (1, 0)
    assert any("median 220 Hz" in has["aria-label"] for has in found.of("svg") if "aria-label" in has)


def test_only_the_start_of_a_long_clip_is_played(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.tile(TONE, 40), 16000)
    samples, rate = examples._start(tmp_path / "a.wav")
    assert len(samples) == examples.PLAYED_S * rate


def test_a_clip_that_is_gone_is_named_and_counted(page, tmp_path):
    run = make_run(tmp_path / "run", some(1))
    found, _ = page(run, audio_root=tmp_path)
    assert "a.wav: is not there; --audio-root names another folder" in "".join(found.text)
    found, result = page(run)
    assert (result["players"], result["unplayable"]) == (0, 2)
    assert "nothing says where the audio is; give --audio-root" in "".join(found.text)
    assert "2 clips without sound" in report.lines(result)[0]
    assert "".join(found.text).count("No curves: no measurements.parquet beside these traces has it") == 2


def test_the_players_of_a_page_have_a_bound(page, tmp_path, monkeypatch):
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "clips" / "a.wav", TONE, 16000)
    monkeypatch.setattr(examples, "SOUND_BYTES", 12_000)
    _, result = page(make_run(tmp_path / "run", some(4)), audio_root=tmp_path)
    assert result["players"] >= 1
    assert result["unplayable"] >= 1


def test_a_folder_that_is_no_run_is_reported_as_one_round_and_an_empty_one_is_an_error(page, tmp_path):
    found, result = page(make_run(tmp_path / "run", some()) / "round-01")
    assert (result["rounds"], found.wrong) == (1, [])
    (tmp_path / "empty").mkdir()
    (tmp_path / "pool.jsonl").write_text("{}")
    with pytest.raises(MisusedError, match=r"pool.jsonl: is not a folder; give a run"):
        report.write(tmp_path / "pool.jsonl")
    with pytest.raises(InputError, match="holds no judged traces; give a run"):
        report.write(tmp_path / "empty")


def test_the_loss_of_a_training_is_drawn_beside_that_of_what_was_held_out(page, tmp_path):
    run = make_run(tmp_path / "run", some())
    made = {"held_out": 2, "steps": 4, "losses": [2.0, 1.5, 1.2, 1.0], "losses_held_out": [1.8, 1.4]}
    tables.write_json(made, run / "round-01" / "distill.json")

    found, _ = page(run)

    text = "".join(found.text)
    assert "Loss from 2.000 to 1.000 (means of the first and last tenth of 4 entries)." in text
    drawn = Page(str(sections.training(facts.read_rounds(run))))
    assert [one["class"] for one in drawn.of("path") if "line" in one.get("class", "")] == ["line held", "line own"]


def test_figures_of_a_round_are_those_of_its_rows(tmp_path):
    rows = [
        trace("q1", 0, claims=["supported", "supported"], think="one two three four"),
        trace("q1", 1, objections=["acoustic.true_to_waveform"], claims=["contradicted", "supported"], think="one two"),
        trace("q2", 0, objections=["correctness.right_answer"], claims=["unverifiable"], correct=False, think="one"),
        trace("q2", 1, objections=["logic.made"], error="it broke", think=None, claims=[], correct=False),
    ]
    (one,) = facts.read_rounds(make_run(tmp_path / "run", rows))
    assert {name: found.value for name, found in one.own.measures.items()} == {
        "accuracy": 0.5,
        "fully_grounded": 1 / 3,
        "contradicted": 1 / 3,
        "claims_supported": 0.75,
        "passed": 0.25,
        "think_words": 7 / 3,
    }
    assert one.own.objections == {
        ("acoustic", "true_to_waveform"): 1, ("correctness", "right_answer"): 1, ("logic", "made"): 1,
    }  # fmt: skip
    assert one.own.cues == {"pitch.contour": (5, 3, 1)}
    assert (facts.rates(one.own), one.selection.survivors) == ([(1, 2), (0, 2)], 1)


def test_marks_become_precision_and_recall(tmp_path):
    rows = [
        trace("q1", 0, objections=["logic.fluent"]),
        trace("q1", 1, objections=["logic.fluent"]),
        trace("q1", 2, objections=["logic.fluent", "acoustic.cites_sound"]),
        trace("q2", 0),
        trace("q2", 1),
    ]
    run = make_run(tmp_path / "run", rows)
    said = [
        ("q1.1.0", "kept_wrongly", None),  # superseded by the next line
        ("q1.1.0", "right", None),
        ("q1.1.1", "rejected_wrongly", None),
        ("q1.1.2", "right", "cites_sound"),
        ("q2.1.0", "kept_wrongly", "fluent"),
        ("q2.1.1", "kept_wrongly", None),
        ("q2.1.1", None, None),  # taken back
    ]
    lines = [json.dumps({"trace_id": trace_id, "mark": mark, "check": check}) for trace_id, mark, check in said]
    (run / "round-01" / "marks.jsonl").write_text("\n".join(lines) + "\n")
    found = marks.scores(facts.read_rounds(run))
    assert found == [
        marks.Score("the filter as a whole", 2, 1, 1),
        marks.Score("cites_sound", 1, 0, 0),
        marks.Score("fluent", 1, 1, 1),
    ]
    assert found[2].precision == pytest.approx((0.5, 0.0945, 0.9055), abs=1e-4)  # Wilson, 1 of 2
    assert found[1].precision == pytest.approx((1.0, 0.2065, 1.0), abs=1e-4)


def test_marks_measure_another_setting_too_a_check_that_was_right_and_is_gone_has_missed(tmp_path):
    said = [
        {"trace_id": "q1.1.0", "mark": "right", "check": "fluent", "passed": False},
        {"trace_id": "q1.1.1", "mark": "right", "check": None, "passed": False},
        {"trace_id": "q1.1.2", "mark": "right", "check": None, "passed": True},
        {"trace_id": "q1.1.3", "mark": "rejected_wrongly", "check": "fluent", "passed": False},
    ]
    both = ["logic.fluent", "acoustic.cites_sound"]
    found = {}
    for setting, objections in {
        "now": [["logic.fluent"], both, [], ["logic.fluent"]],
        "without fluent": [[], ["acoustic.cites_sound"], [], []],
        "all dropped": [[], [], ["logic.fluent"], ["logic.fluent"]],
    }.items():
        run = make_run(tmp_path / setting, [trace("q1", n, objections=some) for n, some in enumerate(objections)])
        (run / "round-01" / "marks.jsonl").write_text("\n".join(map(json.dumps, said)))
        found[setting] = marks.scores(facts.read_rounds(run))
    assert found == {
        "now": [marks.Score("the filter as a whole", 2, 1, 0), marks.Score("fluent", 1, 1, 0)],
        "without fluent": [
            marks.Score("the filter as a whole", 1, 0, 1),
            marks.Score("cites_sound", 1, 0, 0),
            marks.Score("fluent", 0, 0, 1),
        ],
        "all dropped": [marks.Score("the filter as a whole", 0, 2, 2), marks.Score("fluent", 0, 2, 1)],
    }


def test_marks_are_in_the_answer_of_the_command_too(page, tmp_path):
    run = make_run(tmp_path / "run", some(1))
    mark = {"trace_id": "q0.1.1", "mark": "right", "check": "fluent"}
    (run / "round-01" / "marks.jsonl").write_text(json.dumps(mark))
    _, result = page(run)
    whole, fluent = result["marks"]
    assert whole["name"] == "the filter as a whole"
    assert (fluent["name"], fluent["rightly"], fluent["wrongly"], fluent["missed"]) == ("fluent", 1, 0, 0)
    assert fluent["precision"] == pytest.approx((1.0, 0.2065, 1.0), abs=1e-4)


def test_a_line_that_is_no_mark_is_named_on_the_page_and_by_the_command_and_the_others_count(page, tmp_path):
    run = make_run(tmp_path / "run", some(1))
    path = run / "round-01" / "marks.jsonl"
    path.write_text('{"trace_id": "q0.1.1", "mark": "right", "check": "fluent"}\n{"mark": "right"}\n')
    text, result = page(run)
    said = f"{path}: line 2 is no mark (has no trace_id)"
    assert [one["name"] for one in result["marks"]] == ["the filter as a whole", "fluent"]
    assert result["unread_marks"] == [said]
    assert report.lines(result)[-1] == f"Not counted: {said}; mend or remove that line"
    assert f"Not counted: {said}; mend or remove that line" in text.text


def told(run, name):
    """Whether a sign warns in the last round, or None where it cannot be seen."""
    found = signs.signs_of(facts.read_rounds(run), [name])
    return found[0].warns if found else None


def words(count, kind):
    """Rows with think texts of so many words, all alike or all different."""
    texts = [" ".join(f"{'same' if kind == 'same' else i}{n}" for n in range(count)) for i in range(60)]
    return [trace(f"q{i}", 0, think=text) for i, text in enumerate(texts)]


def test_texts_that_become_one_text_are_a_template_collapse(tmp_path):
    run = make_run(tmp_path / "run", words(10, "own"), words(10, "same"))
    assert told(run, "template_collapse") is True
    assert told(make_run(tmp_path / "other", words(10, "own"), words(10, "own")), "template_collapse") is False
    assert told(make_run(tmp_path / "few", some(), some()), "template_collapse") is None


def test_reasoning_that_halves_is_a_length_collapse(tmp_path):
    assert told(make_run(tmp_path / "a", words(10, "own"), words(5, "own")), "length_collapse") is True
    assert told(make_run(tmp_path / "b", words(10, "own"), words(7, "own")), "length_collapse") is False
    assert told(make_run(tmp_path / "c", words(10, "own")), "length_collapse") is None


def test_more_cues_of_which_fewer_are_true_are_cue_stuffing(tmp_path):
    def stuffed(*verdicts):
        return [trace(f"q{i}", 0, claims=list(verdicts)) for i in range(5)]

    honest = stuffed("supported", "unverifiable")
    more = stuffed("supported", "unverifiable", "unverifiable", "unverifiable")
    better = stuffed("supported", "supported", "supported", "unverifiable")
    assert told(make_run(tmp_path / "a", honest, more), "cue_stuffing") is True
    assert told(make_run(tmp_path / "b", honest, better), "cue_stuffing") is False


def right(count):
    """Traces of fifty questions, so many of them with the right answer."""
    return [trace(f"q{i}", 0, correct=i < count) for i in range(50)]


@pytest.mark.parametrize(("without", "warns"), [(29, True), (21, False)])
def test_accuracy_that_rises_without_the_audio_too_is_learnt_from_text(tmp_path, without, warns):
    run = make_run(tmp_path / "run", some(), some())
    for number, heard, swapped in ((1, 25, 20), (2, 35, without)):
        here = run / f"round-0{number}"
        of = write(here / "eval", right(heard)), write(here / "eval" / "control-swap", right(swapped))
        published = Published(None, pl.DataFrame(schema={"question_id": pl.String}))
        found = {"eval": evaluation(of[0], {"swap": of[1]}, published)}  # as mgrd eval --control swap says it
        tables.write_json(found, here / "metrics.json")
    assert told(run, "text_surrogate") is warns
    (seen,) = signs.signs_of(facts.read_rounds(run), ["text_surrogate"])
    assert seen.text.startswith(f"accuracy +20.0 points with the audio, {2 * (without - 20):+.1f} points with swap (")


def test_survivors_of_questions_that_always_pass_are_an_easy_drift(tmp_path):
    hard = [trace(f"q{i}", s, objections=["logic.fluent"] * s) for i in range(4) for s in range(2)]
    easy = [trace(f"q{i}", s) for i in range(4) for s in range(2)]
    assert told(make_run(tmp_path / "a", hard, easy), "easy_drift") is True
    assert told(make_run(tmp_path / "b", hard, hard), "easy_drift") is False


def test_survivors_of_few_questions_are_worth_few(tmp_path):
    rows = [trace("q0", s) for s in range(30)] + [trace(f"q{i}", 0, objections=["logic.fluent"]) for i in range(1, 20)]
    assert told(make_run(tmp_path / "a", rows), "few_questions") is True
    assert told(make_run(tmp_path / "b", some(8)), "few_questions") is False
    assert signs.effective_number([3, 3, 3]) == pytest.approx(3)
    assert signs.effective_number([100, 1]) == pytest.approx(1.02, abs=0.01)


def answered(right, grounded):
    """Traces of fifty questions, so many right, so many of whose claims are supported."""
    return [
        trace(f"q{i}", 0, correct=i < right, claims=["supported" if i < grounded else "contradicted"])
        for i in range(50)
    ]


@pytest.mark.parametrize(("now", "warns"), [((26, 31), True), ((45, 30), False), ((25, 5), False), ((25, 30), True)])
def test_a_round_that_differs_from_the_one_before_by_chance_alone_is_a_standstill(tmp_path, now, warns):
    run = make_run(tmp_path / "run", answered(5, 5), answered(25, 30), answered(*now))
    assert told(run, "standstill") is warns


def test_a_standstill_is_not_seen_in_one_round_or_few_questions_and_tells_its_intervals(tmp_path):
    assert told(make_run(tmp_path / "one", answered(9, 9)), "standstill") is None
    assert told(make_run(tmp_path / "few", answered(9, 9)[:29], answered(9, 9)[:29]), "standstill") is None
    for last in ([1], [0, 2]):  # held-out traces in some rounds alone are compared with none of another kind
        run = make_run(tmp_path / f"held-out-{last}", *[answered(9, 9)] * (max(last) + 1))
        for number in last:
            write(run / f"round-{number + 1:02d}" / "eval", answered(9, 9))
        assert told(run, "standstill") is None
    (seen,) = signs.signs_of(
        facts.read_rounds(make_run(tmp_path / "a", answered(9, 9), answered(9, 9))), ["standstill"]
    )
    alike = "points (+0.0 to +0.0) on 50 questions"
    assert seen.text == (
        f"accuracy +0.0 {alike}, fully grounded +0.0 {alike} since the round before (warns when no 95 % interval is "
        "off 0)"
    )


def test_a_change_that_is_rounded_away_has_no_minus(tmp_path):
    before = words(300, "own")
    run = make_run(tmp_path / "run", before, [trace("q0", 0, think="one fewer " * 149), *before[1:]])
    (seen,) = signs.signs_of(facts.read_rounds(run), ["length_collapse"])
    assert seen.text == "300.0 words of reasoning a trace, 300.0 at first: +0% (warns at -40%)"


def test_a_config_names_signs_that_exist(tmp_path):
    assert set(signs.SIGNS) == set(SignName.__args__) == set(signs.LIMITS)
    (tmp_path / "model").mkdir()
    config = tmp_path / "config.toml"
    text = '[run]\nmodel = "model"\nquestions = "q.jsonl"\nstop_when = ["length_collapse", "boredom"]\n'
    config.write_text(text)
    with pytest.raises(
        MisusedError, match=r"stop_when = \['length_collapse', 'boredom'\]: must be a list of template_"
    ):
        read_config(config)


def test_markup_is_what_tag_makes_and_nothing_else():
    assert html.tag("p", "a < b", html.tag("b", "c"), class_="x", hidden=True, id=None) == (
        '<p class="x" hidden>a &lt; b<b>c</b></p>'
    )
    assert html.tag("a", href='"><script>') == '<a href="&quot;&gt;&lt;script&gt;"></a>'


@pytest.mark.parametrize(
    ("top", "ticks"),
    [(30.9, [0, 10, 20, 30, 40]), (1, [0, 0.25, 0.5, 0.75, 1]), (0, [0, 1]), (0.3, [0, 0.1, 0.2, 0.3])],
)
def test_ticks_are_round_and_reach_the_top(top, ticks):
    assert figures.nice_ticks(top) == pytest.approx(ticks)


def test_an_axis_of_thousands_is_no_power_of_ten():
    assert [figures.rounded(value) for value in (0.0, 2.5, 250.0, 1000.0, 15000.0)] == [
        *("0", "2.5", "250"),
        *("1,000", "15,000"),
    ]


def test_a_line_is_broken_where_there_is_no_pitch():
    assert figures.broken([(0, 0), (1, 1), None, None, (2, 2)]) == "M0.0 0.0h.6L1.0 1.0M2.0 2.0h.6"


def test_a_long_line_keeps_its_means():
    points = [(float(i), float(i % 2)) for i in range(1000)]
    thinned = figures.thin(points)
    assert len(thinned) == 200
    assert {y for _, y in thinned} == {0.4, 0.6}


def test_the_command_says_what_it_wrote(run, tmp_path):
    folder = make_run(tmp_path / "run", some())
    code, out, _ = run("report", folder, "--json")
    assert (code, json.loads(out)["report"]) == (0, str(folder / "report.html"))
    assert (folder / "report.html").stat().st_size == json.loads(out)["bytes"]
    assert run("report", folder, "-o", tmp_path)[0] == 2
    assert run("report", tmp_path / "absent")[0] == 2
