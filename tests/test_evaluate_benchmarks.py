"""The public benchmarks' own tables: their categories, their matcher, beside ours."""

import json

from judged_rows import trace, write

from mgrd.evaluate import evaluation
from mgrd.evaluate.benchmarks import BENCHMARKS, benchmark_lines, read_published
from mgrd.evaluate.intervals import wilson
from mgrd.questions import read_questions
from mgrd.questions.published import LAYOUTS


def judged_of(folder, source, responses):
    """Questions as they are read, each with the given (response, correct) samples; and what is published of them."""
    (folder / "a.wav").write_bytes(b"RIFF")
    asked = read_questions(str(source), audio_root=folder)
    rows = [
        trace(
            row["id"], k, question=row["question"], choices=row["choices"], answer=row["answer"], task=row["task"],
            response=response, correct=correct, think="A dog barks at the gate.",
        )
        for row in asked.iter_rows(named=True)
        for k, (response, correct) in enumerate(responses[row["id"]])
    ]  # fmt: skip
    return write(folder / "e", rows), read_published(str(source), asked["id"].to_list())


def as_json(folder, rows):
    path = folder / "q.json"
    path.write_text(json.dumps(rows))
    return path


def test_mmau_is_told_by_its_tasks_and_its_own_string_match(tmp_path):
    row = {"audio_id": "a.wav", "question": "What is it?", "choices": ["a dog", "a cat"], "answer": "a dog"}
    rows = [
        row | {"id": "1", "task": "sound", "difficulty": "Medium", "category": ["Reasoning"], "sub-category": "s"},
        row | {"id": "2", "task": "sound", "difficulty": "easy", "category": "Reasoning", "sub-category": "s"},
        row | {"id": "3", "task": "music", "difficulty": "easy", "category": "Reasoning", "sub-category": "s"},
    ]
    said = {"1": [("A", True)], "2": [("a dog", True)], "3": [("a cat", False)]}
    judged, published = judged_of(tmp_path, as_json(tmp_path, rows), said)
    found = evaluation(judged, {}, published)
    told = found["benchmark"]
    assert (told["name"], told["matcher"], told["n_traces"], told["accuracy"]) == ("MMAU", "mmau", 3, 1 / 3)
    assert found["accuracy"] == 2 / 3  # a letter alone is right by ours, and never by theirs
    assert found["by_category"]["difficulty"].keys() == {"easy", "medium"}
    assert found["by_category"]["category"].keys() == {"Reasoning"}
    sound = {"n_questions": 2, "n_traces": 2, "accuracy": 1.0, "benchmark_accuracy": 0.5}
    assert found["by_category"]["task"]["sound"] == sound | {"interval": wilson(2, 2)}
    assert list(benchmark_lines(found))[:3] == [
        "MMAU, by its own matcher: 0.333  (95 %: 0.061 to 0.792)",
        "task                                     questions    ours  theirs",
        "  music                                          1   0.000   0.000  (95 %: 0.000 to 0.793)",
    ]


def test_mmar_counts_the_cues_of_its_human_rationales(tmp_path):
    row = {
        "id": "m", "audio_path": "a.wav", "question": "Who?", "choices": ["a dog", "a man"], "answer": "a dog",
        "modality": "sound", "category": "Signal Layer", "sub-category": "x", "language": "en",
        "cue": ["The dog barks", "footsteps"],
    }  # fmt: skip
    judged, published = judged_of(tmp_path, as_json(tmp_path, [row]), {"m": [("a dog", True)]})
    found = evaluation(judged, {}, published)
    assert (found["benchmark"]["cues_named"], found["benchmark"]["accuracy"]) == (0.5, 1.0)
    assert list(found["by_category"]) == ["modality", "category", "sub-category"]


LETTERS = ["A", "it is a cow", "B", "", "None", "D.", "I say B."]
"""To a dog, a man: right, unread, wrong, none, none, no such choice, wrong."""


def lettered(folder, name, **given):
    """Seven questions in the form of MMSU or AIR-Bench, and what LETTERS answer to them."""
    row = {"question": "Who?", "choice_a": "a dog", "choice_b": "a man", "answer_gt": "a dog", "task_name": "t"}
    rows = [row | {name: f"q{i}"} | {key: value(i) for key, value in given.items()} for i in range(len(LETTERS))]
    (folder / "t_d").mkdir()
    (folder / "t_e").mkdir()
    for place in ("t_d", "t_e"):
        (folder / place / "a.wav").write_bytes(b"RIFF")
    said = {f"q{i}": [(letter, False)] for i, letter in enumerate(LETTERS)}
    judged, published = judged_of(folder, as_json(folder, rows), said)
    found = evaluation(judged, {}, published)
    theirs = {
        column: {value: one["benchmark_accuracy"] for value, one in values.items()}
        for column, values in found["by_category"].items()
    }
    return found["benchmark"], theirs


def test_mmsu_is_told_by_its_crossed_categories_and_counts_an_empty_response_as_its_script_does(tmp_path):
    told, theirs = lettered(
        tmp_path, "id", audio_path=lambda _: "a.wav", category=lambda i: "PR"[i > 3], **{"sub-category": lambda _: "s"}
    )  # fmt: skip

    assert (told["n_traces"], told["accuracy"]) == (6, 1 / 6)
    assert theirs == {
        "category": {"P": 1 / 3, "R": 0.0},
        "category / sub-category": {"P / s": 1 / 3, "R / s": 0.0},
        "task_name": {"t": 1 / 6},
    }


def test_airbench_is_told_by_its_tasks_crossed_with_its_data_sets_and_counts_no_empty_response(tmp_path):
    told, theirs = lettered(tmp_path, "uniq_id", path=lambda _: "a.wav", dataset_name=lambda i: "de"[i > 1])

    assert (told["n_traces"], told["accuracy"]) == (4, 1 / 4)
    assert theirs == {"task_name": {"t": 1 / 4}, "task_name / dataset_name": {"t / d": 1.0, "t / e": 0.0}}


def test_airbench_leaves_out_what_its_matcher_cannot_read(tmp_path):
    row = {
        "path": "a.wav", "question": "Who?", "choice_a": "a dog", "choice_b": "a man", "choice_c": "a cat",
        "choice_d": "a cow", "answer_gt": "a dog", "task_name": "t", "dataset_name": "d", "uniq_id": 7,
    }  # fmt: skip
    (tmp_path / "t_d").mkdir()
    (tmp_path / "t_d" / "a.wav").write_bytes(b"RIFF")
    said = {"7": [("A", True), ("it is a dog", True), ("B", False)]}
    judged, published = judged_of(tmp_path, as_json(tmp_path, [row]), said)
    found = evaluation(judged, {}, published)
    assert (found["accuracy"], found["benchmark"]["accuracy"], found["benchmark"]["n_traces"]) == (2 / 3, 0.5, 2)


def test_what_only_a_model_judges_has_no_figure_and_says_so(tmp_path):
    row = {"user_query": "hi", "checklist": ["greets"], "audio": "a.wav", "taskType": "chat", "id": 1}
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    asked = read_questions(str(as_json(tmp_path, [row])), audio_root=tmp_path)
    rows = [trace(asked["id"][0], choices=None, answer=None, correct=None, predicted=None)]
    published = read_published(str(tmp_path / "q.json"), asked["id"].to_list())
    found = evaluation(write(tmp_path / "e", rows), {}, published)
    assert (found["accuracy"], found["benchmark"]["accuracy"]) == (None, None)
    assert found["benchmark"]["note"] == "open answers: its checklists are for a judge (--judge)"
    assert found["by_category"] == {
        "taskType": {
            "chat": {"n_questions": 1, "n_traces": 1, "accuracy": None, "interval": None, "benchmark_accuracy": None}
        }
    }


def test_a_column_category_of_ones_own_file_is_told_by(tmp_path):
    row = {"audio": "a.wav", "question": "Who?", "choices": ["a", "b"], "answer": "a"}
    rows = [row | {"id": "1", "category": "easy"}, row | {"id": "2"}]
    said = {"1": [("a", True)], "2": [("b", False)]}
    judged, published = judged_of(tmp_path, as_json(tmp_path, rows), said)
    found = evaluation(judged, {}, published)
    assert found["benchmark"] is None
    assert {name: one["accuracy"] for name, one in found["by_category"]["category"].items()} == {"easy": 1.0}


def test_every_layout_that_is_read_has_a_table():
    assert BENCHMARKS.keys() == {layout.name for layout in LAYOUTS}


def test_the_real_mmau_questions_have_the_categories_of_its_paper(real):
    path = real / "mmau_questions.jsonl"
    ids = [json.loads(line)["id"] for line in path.read_text().splitlines()]
    published = read_published(str(path), ids)
    assert (published.name, published.labels.height, published.labels.null_count().row(0)) == ("MMAU", 490, (0,) * 5)
    assert {name: sorted(published.labels[name].unique()) for name in ("task", "difficulty")} == {
        "task": ["music", "sound", "speech"],
        "difficulty": ["easy", "hard", "medium"],
    }
