"""Every check is tested by the examples it carries; the logic checks also by real traces and by planted flaws."""

import gc
import importlib.util
import json
import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgrd.answers import is_correct, resolve
from mgrd.rulebook import Trace, judge, load, verified_claims
from mgrd.traces import join

CHECKS = load()
LOGIC = [check for check in CHECKS if check.rule == "logic"]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_agrees_with_its_own_examples(check):
    kept = [(entry.think, check(entry.trace())) for entry in check.keep]
    dropped = [check(entry.trace()) for entry in check.drop]

    assert [pair for pair in kept if pair[1] is not None] == []
    assert [entry.think for entry, reason in zip(check.drop, dropped, strict=True) if reason is None] == []


def trace(think, response, *, choices=None, answer=None):
    resolved = resolve(response, choices, answer)
    return Trace(
        id="t",
        think=think,
        response=response,
        completion=join(think, response),
        choices=choices,
        answer=answer,
        predicted=resolved.value,
        correct=is_correct(resolved.value, answer, choices),
        claims=verified_claims(think, []),
    )


def objected(one):
    return {objection.check for objection in judge(one, LOGIC)}


REVISIONS = [
    "The pitch is low. Wait, actually the last word is higher. So she is asking.",
    "I hear two knocks. Actually, listening again, there are three. The answer is three.",
    "Her voice is calm. Hmm, no: on closer listening her voice is excited. So she is excited.",
    "The tempo is fast. On second thought, the tempo is slow; the hi-hat misled me.",
    "It sounds like a man. Wait, the pitch is too high for that. It is a woman.",
    "The music is loud. Correction: the music is not loud, the voice in front of it is.",
    "The answer is calm. Wait, the voice jumps up at the end. So the answer is excited.",
    "Her voice is high. Let me listen again. Her voice is low, the first impression was wrong.",
    "音调很低。等等，最后一个字更高。所以是疑问句。",
    "她的声音很平静。不对，仔细听她的声音很激动。",
    "语速很快。其实语速并不快，只是停顿少。",
    "先听到两声。等一下，再听一遍，是三声。",
    # without a stock word of revision, and what only looks like a flaw
    "My ear said piano. The decay says otherwise; it is a harp.",
    "The man is loud. The woman is quiet. They argue, and he is excited.",
    "The tempo is 90 BPM in the verse. The tempo is 120 BPM in the chorus. So she is excited.",
    "Calm was my first choice. Her breathing is fast. The answer is excited.",
    "Only one speaker, I believed. A second voice whispers behind. There are two speakers.",
    "I ruled out calm too soon. Her voice is steady and slow. The answer is calm.",
    "The clip lasts 8 seconds. The song lasts 5 seconds. She is calm.",
    "I hear no dog. What I took for silence holds a dog, far away. So yes.",
    "The crowd cheers, from which I concluded that she does not lose. But the score is read out. So she does lose.",
    'She says "je ne sais pas pourquoi, mais je suis très calme" in a flat voice. So she is calm.',
    "第一反应是男声。音高在二百三十赫兹，是女声。",
    "平静被我排除得太早了。她的声音一直很稳。答案是平静。",
    "没有音乐？最后两秒有很轻的音乐。所以有。",
]


@pytest.mark.parametrize("think", REVISIONS)
def test_an_honest_revision_is_reasoning(think):
    assert objected(trace(think, "Something else altogether.")) == set()


@pytest.mark.parametrize(
    "unit",
    [
        " ", "\t", "\n", "low, ", "x. ", "low," + " " * 40, "The pitch is high. ", "The pitch is low, so ", "zbzbé",
        "beep ", "marked ", "hmm, wait ", "So the answer is ", '{"', "the prompt says ",
    ],
)  # fmt: skip
def test_the_logic_checks_take_time_in_proportion_to_the_text(unit):
    def seconds(characters):
        think = "The voice is low," + unit * (characters // len(unit)) + "x."
        one = trace(think, "x", choices=["calm", "excited"])
        gc.disable()  # what other tests have left takes time to walk over, and is none of the text's
        start = time.process_time()
        judge(one, LOGIC)
        spent = time.process_time() - start
        gc.enable()
        return spent

    # up to three tries: what else the machine does only adds
    assert any(seconds(160_000) < 8 * max(seconds(40_000), 0.05) for _ in range(3))


@pytest.mark.parametrize("unit", ["The pitch is high. ", "x", "的", "calm is not excited. ", "the answer is calm, "])
def test_a_megabyte_is_judged_in_seconds(unit):
    think = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
    start = time.process_time()

    judge(trace(think, "calm", choices=["calm", "excited"]), LOGIC)

    assert time.process_time() - start < 30


CONTRADICTIONS = [
    "There is soft piano music in the background. He is tired. No music is heard at all.",
    "The speaker is a young man with an accent. He talks about food. The speaker is a woman.",
    "The speaker speaks French. She laughs. The speaker speaks German.",
    "The tempo is 60 BPM. It is gentle. The tempo is 180 BPM, so it is lively.",
    "She never raises her voice. She is tired. She raises her voice at the end of every sentence.",
    "The recording was made indoors. It echoes. The recording was made outdoors.",
    "Three people take part in the conversation. They agree. Only two people take part in the conversation.",
    "背景里能听到音乐。他在笑。背景没有任何音乐。",
    "录音里有三个人在说话。其中有男有女。录音里只有两个人在说话。",
]


@pytest.mark.parametrize("think", CONTRADICTIONS)
def test_a_contradiction_is_named_with_both_its_sides(think):
    reasons = [one.reason for one in judge(trace(think, "x"), LOGIC) if one.check == "no_contradiction"]

    assert len(reasons) == 1
    assert reasons[0].startswith("says ")


def benchmark():
    folder = Path(__file__).resolve().parents[1] / "benchmarks"
    spec = importlib.util.spec_from_file_location("logic_benchmark", folder / "logic.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_honest_revision_of_the_benchmark_is_objected_to():
    for _, traces in benchmark().sound(None):
        assert [one.id for one in traces if judge(one, LOGIC)] == []


def test_of_the_open_flaws_98_of_100_are_caught_by_the_checks_meant_for_them(real):
    logic = benchmark()
    rows = [(row, one) for row, one in logic.flaws(real) if logic.half(row["id"]) == "open"]

    missed = [row["id"] for row, one in rows if not objected(one) & logic.MEANT[row["kind"]]]

    assert len(rows) == 160
    assert len(missed) <= 3, missed  # docs/logic.md


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def right_traces(real):
    """Published agent traces that end in the right answer, of 680 words in the median."""
    return [row for row in read(real / "taltech_traces.jsonl") if row["correct"]]


def of_row(row, think=None):
    return trace(think or row["trace"], row["predicted"], choices=row["choices"], answer=row["answer"])


def test_no_human_rationale_is_objected_to(real):
    rows = read(real / "mmar_human.jsonl")

    bad = [row["id"] for row in rows if objected(trace(row["thinking"], row["answer"], choices=row["choices"]))]

    assert bad == []  # docs/logic.md


def test_of_the_right_agent_traces_seven_are_objected_to(right_traces):
    bad = [row["id"] for row in right_traces if objected(of_row(row))]

    assert (len(bad), len(right_traces)) == (7, 364), bad  # docs/logic.md


def _loop(text, rng):
    return text + (" " + re.split(r"(?<=[.!?])\s+", text)[-1]) * 5


def _phrase_loop(text, rng):
    words = text.split()
    at = rng.randrange(max(1, len(words) - 12))
    return " ".join(words[: at + 8] + words[at : at + 8] * 5 + words[at + 8 :])


def _letters(text, rng):
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(rng.choice(letters) if one.isalpha() and rng.random() < 0.3 else one for one in text)


def _stutter(text, rng):
    return " ".join(word for one in text.split() for word in ([one, one] if rng.random() < 0.2 else [one]))


def _spiral(text, rng):
    return text + " Wait, maybe it is not. Hmm, let me check. Wait, no, that is wrong." * 8


@pytest.mark.parametrize(
    ("plant", "check"),
    [
        (_loop, "no_loops"),
        (_phrase_loop, "no_loops"),
        (_spiral, "no_loops"),
        (_letters, "fluent"),
        (_stutter, "fluent"),
        (lambda text, rng: text + " <tool_call>", "no_leaks"),
        (lambda text, rng: text + ' {"error": {"code": 500}}', "no_leaks"),
        (lambda text, rng: text + " The bold option must be right.", "no_leaks"),
        (lambda text, rng: text + "\n\nThe music is loud. Birds sing. The music is not loud.", "no_contradiction"),
    ],
)
def test_flaws_planted_in_real_traces_are_found(right_traces, plant, check):
    rng = random.Random(0)
    rows = rng.sample(right_traces, 40)

    missed = [row["id"] for row in rows if check not in objected(of_row(row, plant(row["trace"], rng)))]

    assert len(missed) <= 2, missed


def test_flipped_conclusions_are_found(right_traces):
    rng = random.Random(0)
    rows = rng.sample(right_traces, 40)

    def flipped(row):
        other = rng.choice([choice for choice in row["choices"] if choice != row["answer"]])
        return f"{row['trace']} So the answer is {other}."

    missed = [row["id"] for row in rows if "concludes_its_answer" not in objected(of_row(row, flipped(row)))]

    assert len(missed) <= 2, missed


@pytest.mark.parametrize("spelt", ["thİn", "thın", "ſhort", "lİve"])
def test_a_letter_that_only_folds_to_one_of_an_attribute_is_no_crash(spelt):
    said = trace(f"The texture is {spelt}. The texture is thick. It is in A mİnor.", "calm", choices=["calm", "sad"])

    assert [objection.check for objection in judge(said, LOGIC) if objection.check == "no_contradiction"] == []


def test_a_letter_whose_small_form_is_two_moves_no_place_of_a_sentence():
    concludes = next(check for check in LOGIC if check.name == "concludes_its_answer")
    said = f"The voice is low. {'İ' * 40} so there are calm rooms and halls in it."

    assert concludes(trace(said, "sad", choices=["calm", "sad"])) is None


WORDS = """the voice is thİn thın low. high? calm, sad. answer so “ ” ( ) İ ß ſ ﬁ ！ ？ 。 声音 很高 ， 答案是 平静
    <think> </think> { " : 3 \\boxed minor C not no never wait option A B""".split()  # noqa: SIM905  (a list of words)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)), st.sampled_from(["İ", "calm"])
)
def test_any_text_is_judged_without_a_crash(think, choice):
    objections = judge(trace(think, "The answer is calm.", choices=[choice, "sad"], answer=choice), LOGIC)

    assert {one.rule for one in objections} <= {"logic"}
