"""Every option of every stage, once: name, type, default, range and help.

`cli` makes command-line options of these classes and `rounds` checks the tables of a run's TOML against them, so a key
of `[generate]` and an option of `mgrd generate` cannot drift apart. Imports nothing heavy: `--help` reads it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Literal

from mgrd.settings import Opt, fields

Matcher = Literal["ours", "mmau", "mmsu", "mmar", "airbench", "spoken-mqa", "big-bench-audio"]
"""What mgrd.matchers knows."""

Control = Literal["silence", "swap", "noise"]
"""What is heard in the place of a question's clips."""

SignName = Literal[
    "template_collapse", "length_collapse", "cue_stuffing", "text_surrogate", "easy_drift", "few_questions",
    "standstill",
]  # fmt: skip
"""What mgrd.report.signs knows."""


TensorParallel = Annotated[int, Opt("GPUs that share one model (vllm engine).", min=1)]
GpuMemory = Annotated[float, Opt("Share of each GPU's memory to take (vllm engine).", min=0.05, max=1)]
Dtype = Annotated[
    Literal["float32", "bfloat16", "float16"] | None,
    Opt("Of the vllm engine; default: float32 on a CPU, vLLM's own choice on a GPU.", identity=True),
]
MaxModelLen = Annotated[
    int | None, Opt("Longest prompt and completion together, in tokens (vllm engine); default: what fits.", min=16)
]
VllmArguments = Annotated[
    list[str], Opt("KEY=VALUE: any other of vLLM's engine arguments; may be given again. In a run's TOML: [vllm].")
]
TrustRemoteCode = Annotated[bool, Opt("Run code that a model folder brings along (vllm engine).")]
VLLM = ("tensor_parallel", "gpu_memory", "dtype", "max_model_len", "vllm", "trust_remote_code")
"""Options of the vllm engine that what samples and what tries a new model have in common."""


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Options of `mgrd generate`, and the table [generate]."""

    samples: Annotated[int, Opt("Traces per question.", short="-k", min=1)] = 8
    temperature: Annotated[float, Opt("Sampling temperature; 0 is greedy.", min=0, max=5, identity=True)] = 1.0
    top_p: Annotated[
        float, Opt("Nucleus: least probable tokens beyond this mass are not drawn.", min=0.01, max=1, identity=True)
    ] = 1.0
    max_tokens: Annotated[int, Opt("Longest completion, in tokens.", min=1, identity=True)] = 1024
    think_budget: Annotated[
        int | None,
        Opt(
            "End the reasoning after this many tokens, then have it answered; --max-tokens bounds both.",
            min=1,
            identity=True,
        ),
    ] = None
    seed: Annotated[int, Opt("Seed of the job; every sample's own seed comes from it.", min=0, identity=True)] = 0
    limit: Annotated[int | None, Opt("Ask only the first N questions.", min=1)] = None
    engine: Annotated[
        Literal["transformers", "vllm", "server"] | None, Opt("Default: vllm where there is a GPU, else transformers.")
    ] = None
    url: Annotated[
        str | None, Opt("Of --engine server: http://HOST:PORT/v1. Its key, if any: environment, MGRD_API_KEY.")
    ] = None
    preset: Annotated[
        Literal["step-audio-r1"] | None, Opt("Whose form of messages the server wants; default: OpenAI's.")
    ] = None
    audio_part: Annotated[
        Literal["input_audio", "audio_url"], Opt("How a server is sent clips: as input_audio, or as data in a URL.")
    ] = "input_audio"
    window: Annotated[
        float, Opt("Longest clip, in seconds, that a server's model hears whole; longer ones are refused.", min=0.1)
    ] = 30.0
    long_clips: Annotated[
        Literal["refuse", "chunk"],
        Opt(
            "A clip longer than the model hears: a failed sample that names it, or given in consecutive parts.",
            identity=True,
        ),
    ] = "refuse"
    no_canary: Annotated[
        bool, Opt("Do not ask the model about two clips before the job to see that it hears them.")
    ] = False
    concurrency: Annotated[int, Opt("Samples in flight at a server.", min=1, max=4096)] = 64
    timeout: Annotated[float, Opt("Longest that a server may take to answer, in seconds.", min=0.1)] = 1200.0
    prompt: Annotated[str, Opt("grounded, plain, or a text file with {question}.", identity=True)] = "grounded"
    control: Annotated[
        Control | None,
        Opt("Replace every clip: what is solved without the audio?", identity=True),
    ] = None
    batch: Annotated[int, Opt("Questions at a time (transformers engine).", min=1)] = 8
    ray: Annotated[str | None, Opt("Sample on a Ray cluster, on all its nodes: auto, or HOST:PORT of its head.")] = None
    ray_gpus: Annotated[
        float | None, Opt("GPUs of each worker on the cluster; default: 1 where it has any, else a core.", min=0)
    ] = None
    tensor_parallel: TensorParallel = 1
    gpu_memory: GpuMemory = 0.9
    dtype: Dtype = None
    max_model_len: MaxModelLen = None
    lora: Annotated[str | None, Opt("Folder of a LoRA adapter in safetensors to sample with (vllm engine).")] = None
    vllm: VllmArguments = dataclasses.field(default_factory=list)
    trust_remote_code: TrustRemoteCode = False
    max_failed: Annotated[float, Opt("Exit 1 when a larger share of the samples failed.", min=0, max=1)] = 0.05
    retry_failed: Annotated[bool, Opt("Sample the failed ones again.")] = False
    shard: Annotated[
        str | None, Opt("Sample only share i of n, numbered from 0: 0/8 to 7/8; all may run at once into one folder.")
    ] = None
    data_parallel: Annotated[int, Opt("Processes on this machine, one for each GPU.", min=1, max=64)] = 1
    grace: Annotated[float, Opt("Seconds that running samples have to end after SIGTERM or SIGUSR1.", min=0)] = 30.0
    map: Annotated[list[str], Opt("OURS=THEIRS: the questions' column for one of ours; may be given again.")] = (
        dataclasses.field(default_factory=list)
    )


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Options of `mgrd filter` that decide about single traces, and the table [filter]."""

    rules: Annotated[str | None, Opt("Folder with checks of your own, laid out like rules/.")] = None
    without: Annotated[list[str], Opt("Leave this check out; may be given again.")] = dataclasses.field(
        default_factory=list
    )
    matcher: Annotated[
        Matcher, Opt("Whose way of scoring decides what is correct: ours, or a public benchmark's own.")
    ] = "ours"
    no_gold: Annotated[
        Literal["drop", "keep", "majority"],
        Opt("Traces of a question without an answer; majority keeps what most of its samples answer."),
    ] = "drop"
    calibration: Annotated[
        str | None, Opt("calibration.json of your own clips, or its folder; default: the run's own, if any.")
    ] = None
    extractor: Annotated[
        Literal["rules", "llm"], Opt("What finds the claims in a text: rules, or a model beside them.")
    ] = "rules"
    extractor_model: Annotated[
        str | None, Opt("Folder of the model that extracts, with --extractor llm; its name at a server.")
    ] = None
    extractor_engine: Annotated[
        Literal["transformers", "vllm", "server"] | None, Opt("Of --extractor-model, as --judge-engine.")
    ] = None
    extractor_url: Annotated[str | None, Opt("Of --extractor-engine server: http://HOST:PORT/v1.")] = None
    extractor_tokens: Annotated[int, Opt("Longest answer of the model that extracts, in tokens.", min=1)] = 2048
    blind: Annotated[
        str | None,
        Opt("Folder (or name at a server) of a model that must find a trace's answer from its reasoning alone."),
    ] = None
    judge: Annotated[
        str | None,
        Opt("Folder (or name at a server) of a model that judges coherence, and open answers against the gold one."),
    ] = None
    judge_votes: Annotated[int, Opt("How often the judge is asked about coherence; 1 is greedy.", min=1)] = 5
    judge_tokens: Annotated[int, Opt("Longest answer of --blind and --judge, in tokens.", min=1)] = 512
    judge_engine: Annotated[
        Literal["transformers", "vllm", "server"] | None,
        Opt("Of --blind and --judge. Default: vllm where there is a GPU, else transformers."),
    ] = None
    judge_url: Annotated[str | None, Opt("Of --judge-engine server: http://HOST:PORT/v1.")] = None
    recheck: Annotated[bool, Opt("Judge again, also what was judged under other settings.")] = False
    workers: Annotated[int | None, Opt("Processes; default: one per core.", min=1)] = None
    ray: Annotated[str | None, Opt("Judge on a Ray cluster, on all its nodes: auto, or HOST:PORT of its head.")] = None


@dataclass(frozen=True, kw_only=True)
class Select:
    """Options of `mgrd filter` that see all traces of a question, and the table [select]."""

    per_question: Annotated[int | None, Opt("Keep at most N survivors of a question: the most different.", min=1)] = (
        None
    )
    per_task: Annotated[int | None, Opt("Keep at most N survivors of a task, spread over its questions.", min=1)] = None
    max_similarity: Annotated[
        float, Opt("Of texts of a question more alike than this (shared word trigrams), keep the first.", min=0, max=1)
    ] = 0.9
    pass_rate: Annotated[
        tuple[float, float] | None,
        Opt("Keep questions whose share of passed traces lies in LO HI, e.g. 3/8 6/8.", min=0, max=1),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Distill:
    """Options of `mgrd distill`, and the table [distill]."""

    objective: Annotated[
        Literal["sft", "dpo", "grpo"],
        Opt(
            "sft: to write what the survivors say; dpo: to prefer them to rejected traces of the same question; "
            "grpo: to be rewarded for new samples of the judged questions."
        ),
    ] = "sft"
    rejected_for: Annotated[
        str, Opt("With dpo: what a trace may be rejected for, of these, with commas between; the first that applies.")
    ] = "denial,contradicted,wrong"
    pairs_per_question: Annotated[int, Opt("With dpo: at most N rejected traces of a question.", min=1)] = 4
    beta: Annotated[float, Opt("With dpo: how much a preference costs; lower strays further.", min=1e-4, max=10)] = 0.1
    replay: Annotated[
        str | None,
        Opt("JSONL of messages, or question, completion, trained on beside the survivors, or alone: a cold start."),
    ] = None
    replay_ratio: Annotated[
        float | None,
        Opt("Replayed rows that reason, per survivor; default: 1, without survivors all.", min=0, max=1000),
    ] = None
    empty_think_ratio: Annotated[
        float | None,
        Opt(
            "Replayed rows that only answer (empty think block), per survivor, or without any per row that reasons; "
            "default: 0.1, without survivors all.",
            min=0,
            max=1000,
        ),
    ] = None
    reward: Annotated[
        Literal["published", "grounded"],
        Opt("With grpo: 0.8 for the answer and 0.2 for reasoning that is there, or that no check objects to."),
    ] = "published"
    pass_rate: Annotated[
        tuple[float, float],
        Opt("With grpo: questions whose share of correct judged traces lies in LO HI, e.g. 3/8 6/8.", min=0, max=1),
    ] = (0.375, 0.75)
    samples: Annotated[int, Opt("With grpo: samples of a question that are compared.", min=2)] = 8
    temperature: Annotated[float, Opt("With grpo: sampling temperature.", min=0.01, max=5)] = 1.0
    max_tokens: Annotated[int, Opt("With grpo: longest completion, in tokens.", min=1)] = 1024
    updates: Annotated[int, Opt("With grpo: times that a step's samples are learned from.", min=1)] = 1
    clip_low: Annotated[float, Opt("With grpo: least ratio learned from is 1 less this.", min=0, max=1)] = 0.2
    clip_high: Annotated[float, Opt("With grpo: greatest ratio learned from is 1 and this.", min=0, max=10)] = 0.2
    collapse: Annotated[
        float, Opt("With grpo: stop when the median reasoning is shorter than this share of the first.", min=0, max=1)
    ] = 0.5
    epochs: Annotated[float, Opt("Passes over what is trained on.", min=0.01)] = 3.0
    lr: Annotated[float, Opt("Peak learning rate.", min=1e-9, max=1)] = 1e-5
    batch_size: Annotated[
        int, Opt("Traces (with dpo: pairs, with grpo: questions) per optimizer step and process.", min=1)
    ] = 16
    accumulate: Annotated[int, Opt("Micro-batches that a step's traces are split into.", min=1)] = 1
    max_length: Annotated[
        int | None, Opt("Leave out, never cut, what has more tokens; default: as many as the model takes.", min=1)
    ] = None
    lora: Annotated[int | None, Opt("Rank of LoRA adapters on the language model; merged at the end.", min=1)] = None
    qlora: Annotated[bool, Opt("With --lora: hold the weights beneath the adapters in 4 bits while training.")] = False
    gradient_checkpointing: Annotated[bool, Opt("Compute activations twice instead of keeping them.")] = False
    held_out_share: Annotated[
        float, Opt("Share of the questions that are held out; their loss is taken after every epoch.", min=0, max=0.9)
    ] = 0.0
    patience: Annotated[
        int | None, Opt("Stop after N epochs without a lower held-out loss, and keep the best epoch's weights.", min=1)
    ] = None
    report_to: Annotated[
        Literal["tensorboard", "wandb", "trackio", "mlflow", "none"] | None,
        Opt("Where the curves go; default: OUT/tensorboard, where tensorboard is installed."),
    ] = None
    engine: Annotated[
        Literal["transformers", "vllm"],
        Opt("Engine of the next round: the trained model must begin to answer in it before it is there."),
    ] = "transformers"
    engine_python: Annotated[
        str | None, Opt("Python of the environment that --engine vllm is in; default: this one.")
    ] = None
    tensor_parallel: TensorParallel = 1
    gpu_memory: GpuMemory = 0.9
    dtype: Dtype = None
    max_model_len: MaxModelLen = None
    vllm: VllmArguments = dataclasses.field(default_factory=list)
    trust_remote_code: TrustRemoteCode = False
    train_prompt: Annotated[
        Literal["plain", "same"], Opt("Prompt to train on: plain, or the one that was sampled with.")
    ] = "plain"
    seed: Annotated[int, Opt("Seed of the order of traces.", min=0, max=2**32 - 1)] = 0
    save_steps: Annotated[int, Opt("Steps between checkpoints.", min=1)] = 200


@dataclass(frozen=True, kw_only=True)
class Export:
    """Options of `mgrd distill` that have another trainer train; a run has no table of them."""

    export: Annotated[
        Literal["ms-swift", "llama-factory", "trl", "verl", "hf"] | None,
        Opt("Train nothing: write the survivors, or with --objective dpo the pairs, as another trainer reads them."),
    ] = None
    license: Annotated[str, Opt("With --export: licence of the clips, as the hub names it.")] = "unknown"
    push_to_hub: Annotated[
        str | None, Opt("With --export: data set of the hub to upload to, with your own token; a new one is private.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """The table [run]."""

    model: Annotated[str, Opt("The model that round 1 samples from.")]
    questions: Annotated[str, Opt("Questions to sample traces for.")]
    rounds: Annotated[int, Opt("How many rounds.", min=1)] = 2
    questions_per_round: Annotated[int | None, Opt("Slice of the questions a round asks; all by default.", min=1)] = (
        None
    )
    distill_from: Annotated[Literal["base", "last"], Opt("Train from the first model, or from the last round's.")] = (
        "base"
    )
    cumulate: Annotated[bool, Opt("Train on the survivors of all rounds so far, not only the last.")] = False
    audio_root: Annotated[str | None, Opt("Folder that audio paths are relative to.")] = None
    stop_when: Annotated[list[SignName], Opt("Warning signs that end the run after the round that shows them.")] = (
        dataclasses.field(default_factory=list)
    )


@dataclass(frozen=True, kw_only=True)
class Eval(Generate):
    """Options of `mgrd eval`, and the table [eval]: those of generate, with the prompt that distill trains on."""

    prompt: Annotated[str, Opt("plain, grounded, or a text file with {question}.", identity=True)] = "plain"
    control: Annotated[  # several, each a job of generate
        list[Control],
        Opt("Also ask without the right audio, into DIR/control-...; may be given again.", identity=True),
    ] = dataclasses.field(default_factory=list)  # type: ignore[assignment]
    questions: Annotated[str | None, Opt("Held-out questions; in a run, no evaluation without them.")] = None


def generated(options: Eval, control: Control | None = None) -> Generate:
    """What `mgrd generate` would be asked for the same samples, with the audio or under one control.

    That the model hears at all is asked with the audio, once.
    """
    values = {field.name: getattr(options, field.name) for field in fields(Generate)}
    return Generate(**values | {"control": control, "no_canary": options.no_canary or control is not None})


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Options of `mgrd questions`; a run has no table of them."""

    pass_rate: Annotated[
        tuple[float, float] | None,
        Opt("Keep questions whose share of right answers with the audio lies in LO HI, e.g. 3/8 6/8.", min=0, max=1),
    ] = None
    necessity: Annotated[
        float | None,
        Opt("Keep questions whose share of right answers falls by at least this without the audio.", min=-1, max=1),
    ] = None
    min_samples: Annotated[int, Opt("Samples that each of these shares must rest on.", min=1)] = 4
    limit: Annotated[int | None, Opt("Look at the first N questions.", min=1)] = None
    map: Annotated[list[str], Opt("OURS=THEIRS: the questions' column for one of ours; may be given again.")] = (
        dataclasses.field(default_factory=list)
    )
