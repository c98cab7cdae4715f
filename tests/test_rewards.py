"""The rules as rewards: what earns what, in the forms in which TRL and verl hand samples over."""

import inspect
import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf

from mgrd import heard, rewards
from mgrd.errors import InputError, RuleError

SR = 16000
MOODS = ["rising", "falling"]
TRUE = "I hear the pitch rise steadily from low to high, so it is rising."
FALSE = "I hear the pitch fall steadily from high to low. Still, a question tends to rise, so it is rising."
DEAF = "The question asks for one of two options. The first one is the more usual answer, so I take that one."


def completion(think, response="rising"):
    return f"<think>\n{think}\n</think>\n{response}"


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A tone that rises from 200 to 400 Hz, and a file that is no audio."""
    folder = tmp_path_factory.mktemp("clips")
    hz = np.linspace(200, 400, 2 * SR)
    sf.write(folder / "up.wav", 0.3 * np.sin(2 * np.pi * np.cumsum(hz) / SR), SR)
    (folder / "broken.wav").write_bytes(b"RIFF, or so it says")
    return folder


@pytest.fixture(autouse=True)
def forgetful():
    heard._of_file.cache_clear()
    heard._of_bytes.cache_clear()
    heard._BY_SHA.clear()
    rewards.grounding.cache_clear()


def batch(*completions, **columns):
    n = len(completions)
    return {
        "prompts": ["?"] * n,
        "completions": list(completions),
        "completion_ids": [[1]] * n,
        "answer": ["rising"] * n,
        "choices": [MOODS] * n,
        "trainer_state": SimpleNamespace(global_step=1),
    } | columns


@pytest.mark.parametrize(
    ("text", "reward"),
    [
        (completion(DEAF), 1.0),
        (completion(DEAF, "falling"), 0.2),
        (completion(DEAF, "The answer is (A)."), 1.0),
        (completion(DEAF, "rising or falling"), 0.2),
        (completion("", "rising"), 0.8),
        (completion("", "falling"), 0.0),
        (DEAF + "</think>rising", 1.0),  # the template has opened the block
        ("<|THINK_START|>" + DEAF + "<|THINK_END|>rising", 1.0),
        (DEAF + " rising", 0.0),  # never closed: nothing was answered
        ("", 0.0),
    ],
)
def test_published_is_four_fifths_for_the_answer_and_one_fifth_for_reasoning(text, reward):
    assert rewards.published(**batch(text)) == [reward]


def test_grounded_pays_only_for_reasoning_that_the_waveform_bears_out(clips):
    texts = [
        completion(TRUE),
        completion(FALSE),
        completion(DEAF),
        completion(TRUE, "falling"),
        completion("", "rising"),
    ]
    told = batch(*texts, audio=["up.wav"] * 5)
    assert rewards.grounded_with(audio_root=str(clips))(**told) == [1.0, 0.8, 0.8, 0.0, 0.8]
    assert rewards.published(**told) == [1.0, 1.0, 1.0, 0.2, 0.8]


def test_a_conversation_is_rated_as_the_text_it_stands_for(clips):
    audio = str(clips / "up.wav")
    messages = [
        [{"role": "assistant", "content": completion(TRUE)}],
        [{"role": "assistant", "content": [{"type": "text", "text": completion(TRUE)}]}],
        [{"role": "assistant", "content": "rising", "reasoning_content": TRUE}],
        [{"role": "assistant", "content": None}],
        [],
    ]
    assert rewards.grounded(**batch(*messages, audio=[audio] * 5)) == [1.0, 1.0, 1.0, 0.0, 0.0]


def forms(path):
    """One clip as users and `datasets` hand it out."""
    samples, sr = sf.read(path, dtype="float32")
    decoder = SimpleNamespace(get_all_samples=lambda: SimpleNamespace(data=samples[None], sample_rate=sr))
    return [
        str(path),
        path,
        [str(path)],
        np.array([str(path)]),
        {"path": str(path), "bytes": None},
        {"path": "elsewhere.wav", "bytes": path.read_bytes()},
        {"array": samples, "sampling_rate": sr, "path": "elsewhere.wav"},
        decoder,
    ]


def test_a_clip_is_the_same_clip_in_every_form(clips):
    audio = forms(clips / "up.wav")
    shas = {heard.measured(heard.clips_of(one), None, None)[0].audio_sha for one in audio}
    assert len(shas) == 1
    texts = [completion(FALSE)] * len(audio)
    assert rewards.grounded(**batch(*texts, audio=audio)) == [0.8] * len(audio)


def test_what_nobody_knows_and_what_cannot_be_heard_has_no_reward_and_is_counted(clips):
    metrics, extra = {}, {}
    told = batch(
        *[completion(TRUE)] * 5,
        answer=["rising", "rising", None, "rising", "rising"],
        audio=["up.wav", "broken.wav", "up.wav", "gone.wav", None],
        log_metric=metrics.__setitem__,
        log_extra=extra.__setitem__,
    )
    assert rewards.grounded_with(audio_root=str(clips))(**told) == [1.0, None, None, None, None]
    assert metrics == {
        "mgrd/grounded/correct": 0.8,
        "mgrd/grounded/reasoning": 1.0,
        "mgrd/grounded/grounded": 0.4,
        "mgrd/grounded/unrated": 0.8,
    }
    (reasons,) = extra.values()
    assert reasons[0] == ""
    assert "broken.wav" in reasons[1]
    assert reasons[2] == "nobody knows the answer"
    assert reasons[3:] == ["gone.wav: No such file or directory", "the sample has no audio"]
    assert rewards.published(**told) == [1.0, 1.0, None, 1.0, 1.0]
    assert (list(extra), metrics["mgrd/published/unrated"]) == (["mgrd/grounded", "mgrd/published"], 0.2)


def test_a_clip_is_measured_once_and_one_in_the_table_never(clips, tmp_path, monkeypatch):
    from mgrd.audio import measure
    from mgrd.audio.cache import measure_files

    calls = []
    real = measure.measure_file
    monkeypatch.setattr(measure, "measure_file", lambda *given: calls.append(given) or real(*given))
    told = batch(*[completion(TRUE)] * 6, audio=["up.wav"] * 6)
    assert rewards.grounded_with(audio_root=str(clips))(**told) == [1.0] * 6
    assert len(calls) == 1

    table = tmp_path / "measurements.parquet"
    list(measure_files([clips / "up.wav"], table))
    heard._of_file.cache_clear()
    calls.clear()
    before = table.read_bytes()
    again = rewards.grounded_with(audio_root=str(clips), measurements=str(table))
    assert (again(**told), calls, table.read_bytes() == before) == ([1.0] * 6, [], True)


def test_a_clip_that_was_replaced_is_measured_anew(clips, tmp_path):
    path = tmp_path / "clip.wav"
    path.write_bytes((clips / "up.wav").read_bytes())
    told = batch(completion(TRUE), audio=[str(path)])
    assert rewards.grounded(**told) == [1.0]
    path.write_bytes(b"gone bad")
    assert rewards.grounded(**told) == [None]


def test_settings_reach_the_checks_and_wrong_ones_are_errors_before_training(clips, tmp_path):
    told = batch(completion(DEAF), audio=["up.wav"])
    assert rewards.grounded_with(audio_root=str(clips))(**told) == [0.8]
    assert rewards.grounded_with(audio_root=str(clips), without=["cites_sound"])(**told) == [1.0]
    with pytest.raises(RuleError, match="there is no check nonsense"):
        rewards.grounded_with(without=["nonsense"])
    with pytest.raises(InputError, match="no such folder"):
        rewards.grounded_with(audio_root=str(tmp_path / "gone"))
    with pytest.raises(InputError, match="no such table"):
        rewards.grounded_with(measurements=str(tmp_path / "gone.parquet"))
    (tmp_path / "bad.parquet").write_text("x")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        rewards.grounded_with(measurements=str(tmp_path / "bad.parquet"))
    with pytest.raises(InputError, match="no column audio"):
        rewards.grounded(**batch(completion(TRUE)))
    with pytest.raises(InputError, match="no column answer"):
        rewards.published(completions=["x"])


def test_a_clip_outside_the_root_is_not_opened(clips, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "secret.wav").write_bytes((clips / "up.wav").read_bytes())
    told = batch(completion(TRUE), audio=["../secret.wav"])
    assert rewards.grounded_with(audio_root=str(tmp_path / "root"))(**told) == [None]


def test_trainers_find_a_function_with_a_name():
    named = [rewards.published, rewards.grounded, rewards.grounded_with()]
    assert [one.__name__ for one in named] == ["published", "grounded", "grounded"]
    assert all(inspect.isfunction(one) for one in named)


def verl_calls(name, text, answer, info, **reward_kwargs):
    """As verl's naive reward manager calls it (verl 0.9 main, experimental/reward_loop/reward_manager/naive.py)."""
    extra = None if info is None else {**info, "num_turns": None, "rollout_reward_scores": {}}
    call = {"data_source": "clips", "solution_str": text, "ground_truth": answer, "extra_info": extra}
    return getattr(rewards, name)(**call, **reward_kwargs)


def test_verl_gets_a_score_and_what_it_is_made_of(clips):
    choices = np.array(MOODS, dtype=object)  # as Parquet comes back
    info = {"choices": choices, "audio": np.array(["up.wav"], dtype=object), "question": "Which way?"}
    full = {"score": 1.0, "acc": 1.0, "reasoning": 1.0, "rated": 1.0}
    assert verl_calls("compute_score", completion(DEAF), "rising", info) == full
    assert verl_calls("compute_score", completion("", "rising"), "rising", None) == full | {
        "score": 0.8,
        "reasoning": 0.0,
    }
    assert verl_calls("compute_score", completion(DEAF), None, info) == full | {"score": 0.0, "acc": 0.0, "rated": 0.0}

    root = {"audio_root": str(clips)}
    grounded = [verl_calls("compute_grounded_score", completion(t), "rising", info, **root) for t in (TRUE, FALSE)]
    assert grounded == [full | {"grounded": 1.0}, full | {"score": 0.8, "grounded": 0.0}]
    unread = info | {"audio": "broken.wav"}
    assert verl_calls("compute_grounded_score", completion(TRUE), "rising", unread, **root) == {
        "score": 0.0, "acc": 1.0, "reasoning": 1.0, "rated": 0.0, "grounded": 0.0,
    }  # fmt: skip
    with pytest.raises(InputError, match=r"extra_info\['audio'\]"):
        verl_calls("compute_grounded_score", completion(TRUE), "rising", None)


def test_a_gold_answer_that_is_no_choice_is_an_error_of_the_data_set():
    with pytest.raises(InputError, match="none of the choices"):
        rewards.published(**batch(completion(TRUE), answer=["sideways"]))


def test_numbers_as_gold_answers_are_read_as_text():
    told = batch(completion("Three knocks.", "three"), answer=[3], choices=[None])
    assert rewards.published(**told) == [1.0]
    assert json.dumps(rewards.published(**told)) == "[1.0]"


def test_columns_that_cannot_be_meant_are_told_by_name():
    with pytest.raises(InputError, match="choices is the text 'calm, excited'; give a list"):
        rewards.published(["x"], answer=["calm"], choices=["calm, excited"])
    with pytest.raises(InputError, match="column answer has 1 values for 2 completions"):
        rewards.published(["x", "y"], answer=["calm"])


def test_a_part_without_text_says_nothing():
    message = [{"role": "assistant", "content": [{"type": "text", "text": None}]}]
    assert rewards.published([message], answer=["calm"]) == [0.0]


def test_a_batch_without_a_readable_clip_is_told_of_once(caplog):
    rewards.grounded(["a", "b"], answer=["x", "y"], audio=["gone.wav", "gone.wav"])
    (told,) = [one.getMessage() for one in caplog.records]
    assert told.startswith("no sample of this batch has a reward; the first one: gone.wav: ")
