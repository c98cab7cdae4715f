"""What the vLLM engine does around vLLM: refusals, lost engines, options. Needs no vLLM."""

import json
import logging
from importlib.metadata import PackageNotFoundError
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

import mgrd.engines.vllm
from mgrd.engines import Request, Sampling, open_engine
from mgrd.engines.vllm import arguments
from mgrd.engines.vllm.cores import Answer, Lost
from mgrd.errors import InputError, MgrdError, MisusedError, Stopped
from mgrd.generate import generate
from mgrd.options import Generate


class FakeCore:
    """A vLLM that finishes one sample at a time; it is lost when it has done as many as `lives`' first says."""

    def __init__(self, lives, log):
        self.lives, self.log, self.asked, self.done, self.dies = lives, log, [], 0, False
        self.config = SimpleNamespace(scheduler_config=SimpleNamespace(max_num_seqs=8))

    def admit(self, prompt, samples):
        self.dies |= prompt.get("prompt") == "killer"
        if prompt.get("prompt") == "poison":
            self.asked += [Answer(name, refused="cannot take this clip") for name in samples]
        else:
            self.asked += [Answer(name, output_of(seed)) for name, seed in samples.items()]
        self.log.append(len(self.asked))

    def answers(self):
        if self.dies:
            raise Lost("EngineCore encountered an issue")
        if self.lives and self.lives[0] == self.done:
            self.lives.pop(0)
            raise Lost("EngineCore encountered an issue")
        self.done += 1
        return [self.asked.pop(0)]

    def abort(self):
        self.log.append("aborted")

    def close(self):
        self.log.append("closed")


def output_of(seed):
    made = SimpleNamespace(finish_reason="length", token_ids=[seed], cumulative_logprob=-1.0)
    return SimpleNamespace(outputs=[made], prompt_token_ids=[1, 2])


@pytest.fixture
def engine_of(monkeypatch):
    """An engine whose cores die after so many samples each; and what happened to the cores."""

    def make(*lives):
        lives, log, cores = list(lives), [], []

        def started():
            cores.append(FakeCore(lives, log))
            return cores[-1]

        engine = object.__new__(mgrd.engines.vllm.VllmEngine)
        engine.model, engine.sr, engine.slots, engine.settings, engine._names = (
            "MODEL",
            16_000,
            8,
            {},
            map(str, count()),
        )
        engine.processor = SimpleNamespace(tokenizer=SimpleNamespace(decode=lambda tokens, **_: str(tokens)))
        engine._started = started
        engine.core = started()
        monkeypatch.setattr(mgrd.engines.vllm, "render_chat", lambda _processor, text, _n: text)
        monkeypatch.setattr(mgrd.engines.vllm, "_params", lambda _sampling, seed: seed)
        return engine, log, cores

    return make


def questions(n, k, text="fine"):
    return [Request(f"q{i}", text, [], [], {s: 100 * i + s for s in range(k)}) for i in range(n)]


def made(engine, requests):
    return sorted((one.key, one.sample, one.seed, one.text) for one in engine.sample(iter(requests), Sampling()))


def test_without_vllm_the_error_says_what_to_install(tmp_path, monkeypatch):
    def no_such(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(arguments, "version", no_such)

    with pytest.raises(
        MgrdError, match=r"not installed here; pip install 'mgrd\[vllm\]', or use --engine transformers"
    ):
        open_engine("vllm", tmp_path)


def test_a_signal_to_stop_gives_up_what_is_not_finished(engine_of, monkeypatch):
    """Hundreds of admitted samples would take longer than a scheduler waits before it kills."""
    engine, log, _ = engine_of()
    stream = engine.sample(questions(1, 3), Sampling())

    first = next(stream)
    monkeypatch.setattr(mgrd.engines.vllm.stop, "signal_name", "SIGTERM")
    monkeypatch.setattr(mgrd.engines.vllm.stop, "grace_s", 0.0)
    monkeypatch.setattr(mgrd.engines.vllm.stop, "_since", None)

    assert (first.key, first.sample, list(stream)) == ("q0", 0, [])
    assert log == [3, "aborted"]


def test_within_its_grace_what_runs_is_finished_and_nothing_else_begun(engine_of, monkeypatch):
    engine, log, _ = engine_of()
    stream = engine.sample(questions(40, 4), Sampling())

    first = next(stream)
    monkeypatch.setattr(mgrd.engines.vllm.stop, "signal_name", "SIGTERM")
    monkeypatch.setattr(mgrd.engines.vllm.stop, "grace_s", 60.0)
    monkeypatch.setattr(mgrd.engines.vllm.stop, "_since", None)

    assert [(one.key, one.sample) for one in [first, *stream]] == [(f"q{i}", n) for i in range(4) for n in range(4)]
    assert log == [4, 8, 12, 16]


def test_a_reader_who_stops_listening_leaves_the_engine_free(engine_of):
    engine, log, _ = engine_of()
    stream = engine.sample(questions(1, 3), Sampling())
    next(stream)
    stream.close()

    assert log == [3, "aborted"]


def test_questions_are_admitted_as_samples_end_and_no_more_than_fit_are_in_flight(engine_of):
    engine, log, _ = engine_of()

    made(engine, questions(40, 4))

    assert max(one for one in log if one != "aborted") == 8 + 8 + 3  # a question's samples go in together
    assert log.count("aborted") == 0


def test_a_lost_engine_is_started_again_with_half_the_slots_and_every_sample_is_made_once(engine_of):
    engine, log, cores = engine_of(5, 6)
    asked = questions(20, 4)

    assert made(engine, asked) == made(engine_of()[0], asked)
    assert (len(cores), log.count("closed")) == (3, 2)
    assert (engine.slots, engine.settings) == (2, {"max_num_seqs": 2})


def test_a_question_that_kills_the_engine_is_failed_once_it_was_alone_and_all_others_are_made(engine_of):
    engine, _, cores = engine_of()
    fine = questions(6, 2)
    asked = [*fine[:3], Request("killer", "killer", [], [], {0: 1, 1: 2}), *fine[3:]]

    done = list(engine.sample(iter(asked), Sampling()))

    why = "vLLM was lost 3 times with this question, at last with it alone (EngineCore encountered an issue)"
    assert sorted((one.key, one.sample, one.error) for one in done) == [
        *[("killer", number, why) for number in range(2)],
        *[(one.key, number, None) for one in fine for number in range(2)],
    ]
    assert (len(cores), engine.slots) == (4, 8)


def test_an_engine_lost_four_times_without_an_answer_stops_the_job_retriably_with_what_was_sampled(engine_of):
    engine, _, cores = engine_of(5, 0, 0, 0)
    done = []

    with pytest.raises(Stopped, match=r"MODEL: vLLM was lost 4 times \(EngineCore .*\); what was sampled is saved"):
        done.extend(engine.sample(questions(20, 4), Sampling()))

    assert len({(one.key, one.sample) for one in done}) == len(done) == 5
    assert len(cores) == 4


def test_a_clip_that_vllm_cannot_take_is_a_failed_sample_each_and_the_others_go_on(engine_of):
    engine, _, _ = engine_of()
    asked = [*questions(1, 2, "poison"), *[Request("fine", "fine", [], [], {0: 5})]]

    done = list(engine.sample(asked, Sampling()))

    assert [(one.key, one.sample, one.error) for one in done] == [
        ("q0", 0, "vLLM: cannot take this clip"),
        ("q0", 1, "vLLM: cannot take this clip"),
        ("fine", 0, None),
    ]


def test_too_little_memory_to_load_is_one_line_that_says_what_may_help(tmp_path):
    def too_big(_settings, _lora):
        raise RuntimeError("CUDA out of memory. Tried to allocate\n 14.00 GiB")

    engine = object.__new__(mgrd.engines.vllm.VllmEngine)
    engine.model, engine.kind, engine.settings, engine.lora = tmp_path, too_big, {}, None

    with pytest.raises(MgrdError) as told:
        engine._started()

    assert str(told.value) == (
        f"{tmp_path}: vLLM cannot start (out of memory: CUDA out of memory. Tried to allocate 14.00 GiB; "
        "try --max-model-len N, --gpu-memory F, --tensor-parallel N)"
    )


def test_what_a_validator_of_vllms_objects_to_is_told_in_its_own_words(tmp_path):
    class ValidationError(ValueError):
        def errors(self):
            return [{"msg": "Value error, max_num_seqs must be\n positive"}, {"msg": "Input should be a number"}]

    def invalid(_settings, _lora):
        raise ValidationError("2 validation errors for SchedulerConfig\nFor further information visit ...")

    engine = object.__new__(mgrd.engines.vllm.VllmEngine)
    engine.model, engine.kind, engine.settings, engine.lora = tmp_path, invalid, {}, None

    with pytest.raises(MgrdError) as told:
        engine._started()

    said = "max_num_seqs must be positive; Input should be a number"
    assert str(told.value) == f"{tmp_path}: vLLM cannot start ({said})"


def test_other_engine_arguments_are_json_or_text_under_vllms_own_names():
    given = ["max-num-seqs=128", "kv_cache_dtype=fp8", 'hf_overrides={"a": 1}', "enforce_eager=true"]

    assert arguments.pairs(given) == {
        "max_num_seqs": 128,
        "kv_cache_dtype": "fp8",
        "hf_overrides": {"a": 1},
        "enforce_eager": True,
    }


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        ("max_num_seqs", "write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("dtype=half", "has an option of its own, --dtype"),
        ("trust_remote_code=true", "has an option of its own, --trust-remote-code"),
        ("logprobs_mode=processed_logits", "mgrd sets logprobs_mode itself"),
    ],
)
def test_an_engine_argument_that_cannot_be_is_misuse(pair, says):
    with pytest.raises(MisusedError, match=says):
        arguments.pairs([pair])


CODE = sorted(arguments._LOADS_CODE)


@pytest.mark.parametrize(
    ("pair", "says"),
    [(f"{key}=x", rf"--vllm {key}: .* add --trust-remote-code") for key in CODE]
    + [(f"{key.replace('_', '-')}=x", f"--vllm {key}: ") for key in arguments._KEPT_OUT]
    + [
        ("load_format=pt", "load_format: must be one of auto, safetensors"),
        ('load_format="npcache"', "load_format: must be one of"),
        ("--load-format=tensorizer", "load_format: must be one of"),
        ("load_format=[]", "load_format: must be one of"),
        ("tokenizer_mode=custom", "tokenizer_mode: must be one of"),
        ("distributed_executor_backend=my.Executor", "distributed_executor_backend: must be one of mp, ray"),
        ("generation_config=folder", "generation_config: must be one of"),
        ("hf_overrides=my.function", "hf_overrides: must be a JSON object"),
    ],
)
def test_an_argument_that_brings_code_pickles_or_other_files_is_misuse(pair, says):
    with pytest.raises(MisusedError, match=says):
        arguments.pairs([pair])


def test_trust_lets_code_in_but_neither_pickles_nor_other_files():
    assert arguments.pairs([f"{key}=x" for key in CODE], trust_remote_code=True) == dict.fromkeys(CODE, "x")
    for pair in ("load_format=pt", "tokenizer=elsewhere", "hf_token=secret"):
        with pytest.raises(MisusedError, match="--vllm") as refused:
            arguments.pairs([pair], trust_remote_code=True)
        assert "secret" not in str(refused.value)


def test_without_trust_a_command_is_refused_before_the_engine_is_opened():
    given = {"engine": "vllm", "vllm": ["worker_cls=my.Worker"]}

    with pytest.raises(MisusedError, match="worker_cls"):
        mgrd.engines.check_vllm(Generate(**given))
    mgrd.engines.check_vllm(Generate(**given, trust_remote_code=True))


def test_what_says_how_it_runs_is_safe_and_no_argument_is_said_twice():
    kinds = [set(CODE), set(arguments._KEPT_OUT), set(arguments._HOW_IT_RUNS), set(arguments._OPTIONS)]

    assert len(set().union(*kinds)) == sum(map(len, kinds))
    assert arguments.shaping(["max_num_seqs=4", "load_format=dummy"]) == {"load_format": "dummy"}


def test_an_unknown_engine_argument_is_told_with_the_nearest_known_one():
    with pytest.raises(MisusedError, match=r"--vllm max_num_seq: .* did you mean max_num_seqs\?"):
        arguments.check_names(["max_num_seqs", "max_num_seq"], ["max_num_seqs", "seed"])


def write_adapter(folder, config, tensors=("base.q_proj.lora_A.weight",)):
    from safetensors.numpy import save_file

    (folder / "adapter_config.json").write_text(json.dumps(config))
    save_file({name: np.zeros((2, 2), np.float32) for name in tensors}, folder / "adapter_model.safetensors")


def test_an_adapter_has_the_largest_rank_of_its_layers(tmp_path):
    write_adapter(tmp_path, {"peft_type": "LORA", "r": 8, "rank_pattern": {"q_proj": 24}})

    assert arguments.adapter(tmp_path) == arguments.Adapter(tmp_path, 24)


def test_what_is_no_adapter_in_safetensors_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"has no adapter_config\.json"):
        arguments.adapter(tmp_path)
    write_adapter(tmp_path, {"peft_type": "LORA", "r": 8})
    (tmp_path / "adapter_model.safetensors").rename(tmp_path / "adapter_model.bin")
    with pytest.raises(InputError, match="pickled weights are not read"):
        arguments.adapter(tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(InputError, match="cannot be read"):
        arguments.adapter(tmp_path)
    write_adapter(tmp_path, {"peft_type": "IA3"})
    with pytest.raises(InputError, match="adapter of another kind"):
        arguments.adapter(tmp_path)
    write_adapter(tmp_path, {"peft_type": "LORA", "r": 1024})
    with pytest.raises(InputError, match="rank 1024, vLLM takes up to 512"):
        arguments.adapter(tmp_path)


class Letters:
    """A tokenizer whose tokens are characters."""

    def encode(self, text, **_):
        return [ord(one) for one in text]

    def decode(self, tokens, **_):
        return "".join(map(chr, tokens))


def budgeted(engine, monkeypatch, *texts):
    """What the engine makes of answers that end by length after each of `texts`, and what it asked for."""
    asked, coming = [], list(texts)
    engine.processor = SimpleNamespace(tokenizer=Letters())
    monkeypatch.setattr(mgrd.engines.vllm, "_params", lambda sampling, seed: (sampling.max_tokens, seed))

    def admit(prompt, samples):
        ids = prompt.get("prompt_token_ids") or [ord(one) for one in prompt["prompt"]]
        asked.append(("".join(map(chr, ids)), *samples.values()))
        for name in samples:
            text, reason = coming.pop(0)
            output = SimpleNamespace(
                finish_reason=reason, token_ids=[ord(one) for one in text], cumulative_logprob=-1.0
            )
            engine.core.asked.append(Answer(name, SimpleNamespace(outputs=[output], prompt_token_ids=ids)))

    engine.core.admit = admit
    return list(engine.sample(iter(questions(1, 1)), Sampling(max_tokens=60, think_budget=12))), asked


def test_a_reasoning_that_uses_up_its_budget_is_ended_and_answered_in_a_second_request(engine_of, monkeypatch):
    (one,), asked = budgeted(engine_of()[0], monkeypatch, ("<think>It is", "length"), ("low.\n", "stop"))

    assert asked == [("fine", (12, 0)), ("fine<think>It is\n</think>\n", (60 - 12 - 10, 2**31))]
    assert (one.text, one.think_forced, one.finish_reason) == ("<think>It is\n</think>\nlow.", True, "stop")
    assert (one.prompt_tokens, one.completion_tokens, one.logprob) == (4, 12 + 10 + 5, -2.0)


def test_an_answer_that_the_budget_cuts_goes_on_and_a_short_one_is_left_alone(engine_of, monkeypatch):
    (one,), asked = budgeted(engine_of()[0], monkeypatch, ("a</think>low", "length"), (" so.\n", "stop"))
    assert (asked[1], one.text, one.think_forced) == (("finea</think>low", (48, 2**31)), "a</think>low so.", False)

    (one,), asked = budgeted(engine_of()[0], monkeypatch, ("a</think>lo\n", "stop"))
    assert (len(asked), one.text, one.think_forced) == (1, "a</think>lo", False)


def test_a_begun_answer_that_is_read_as_another_is_a_failed_sample(engine_of, monkeypatch):
    engine, _, _ = engine_of()
    monkeypatch.setattr(Letters, "encode", lambda _, text, **__: [0, *map(ord, text)])  # one more token each time
    (one,), _ = budgeted(engine, monkeypatch, ("<think>It is", "length"), ("low.\n", "stop"))

    assert one.error == (
        "vLLM: read a prompt of 4 tokens and 23 of an answer as 28, so that --think-budget cannot go on with it"
    )


def test_on_a_cpu_torch_does_not_tell_that_triton_is_not_there(monkeypatch):
    monkeypatch.setattr(arguments.os, "environ", {})
    logger = logging.getLogger("torch._library.triton")
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    levels = []
    for on_cpu in (False, True):
        arguments.set_environment(on_cpu=on_cpu)
        levels.append(logger.level)

    assert levels == [logging.NOTSET, logging.ERROR]


DECLARED = """
class Other:
    elsewhere: int = 0

class EngineArgs:
    max_num_seqs: int | None = None
    swap_space: float = 4
    enforce_eager: bool = False
    dtype: ModelDType = "auto"
    served_model_name: str | list[str] | None = None
    device_ids: list[int | str] | None = None
"""


@pytest.fixture
def declared(tmp_path, monkeypatch):
    """An installed vLLM that can be read, and that nothing may import."""
    (tmp_path / "vllm" / "engine").mkdir(parents=True)
    (tmp_path / "vllm" / "__init__.py").write_text("raise AssertionError('it is imported')")
    (tmp_path / "vllm" / "engine" / "arg_utils.py").write_text(DECLARED)
    spec = SimpleNamespace(origin=str(tmp_path / "vllm" / "__init__.py"))
    monkeypatch.setattr(arguments.importlib.util, "find_spec", lambda name: {"vllm": spec}[name])


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("max_num_seq=8", "max_num_seq: this vLLM has no such engine argument; did you mean max_num_seqs?"),
        ("elsewhere=1", "elsewhere: this vLLM has no such engine argument; `vllm serve --help=all` lists them"),
        ("max_num_seqs=x", "max_num_seqs=x: wants a whole number or null"),
        ("max-num-seqs=true", "max_num_seqs=True: wants a whole number or null"),
        ("swap_space=lots", "swap_space=lots: wants a number"),
        ("enforce_eager=1", "enforce_eager=1: wants true or false"),
    ],
)
def test_what_the_installed_vllm_does_not_take_is_told_before_the_model_is_looked_at(declared, tmp_path, pair, said):
    with pytest.raises(MisusedError) as refused:
        generate("no.jsonl", tmp_path / "out", tmp_path / "model", Generate(engine="vllm", vllm=[pair]))

    assert str(refused.value) == f"--vllm {said}"


@pytest.mark.parametrize(
    "pair",
    [
        "max_num_seqs=8",
        "max_num_seqs=null",
        "swap_space=2",
        "enforce_eager=null",
        "served_model_name=1",
        "device_ids=[0]",
    ],
)
def test_what_the_installed_vllm_takes_or_does_not_tell_of_is_let_through(declared, pair):
    with pytest.raises(MisusedError, match=r"^--vllm elsewhere: this vLLM has no such engine argument"):
        arguments.check_installed([pair, "elsewhere=1"])  # the source is read
    assert arguments.check_installed([pair]) is None


def test_where_vllm_is_not_installed_its_engine_says_so_and_names_are_let_through(declared, monkeypatch):
    monkeypatch.setattr(arguments.importlib.util, "find_spec", lambda _: None)
    assert arguments.check_installed(["max_num_seq=8"]) is None
