"""Does the model hear? Asked of two of the job's own clips before anything is sampled, and of every sample afterwards.

A model that is never handed its audio writes as fluently as one that is: a processor that ignores an argument, a chat
template without a place for audio, a server that drops what it does not know. What gives it away is that nothing
depends on the clip. Knows nothing of how an engine hands audio over, nor whether what is said of it is true.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mgrd import engines, prompts, tables
from mgrd.engines import Completion, Engine, Request, Sampling
from mgrd.errors import InputError, MgrdError
from mgrd.generate.clips import ChangedClipError, Clips, control_clip
from mgrd.generate.job import Job
from mgrd.progress import Story, stop

Sound = NDArray[np.float32]

NOTE = "hearing.json"
"""In the job's folder: which model was seen to hear, and by which figures."""
TOKENS = 24
"""Of each answer: enough that the words come to what is heard."""
CANDIDATES = 16
"""Clips among which the two most different are looked for."""
TRIES = 3
"""With other clips, where the model does not take one."""
PIECE_S = 10.0
"""Longest beginning of a clip whose tokens tell how many a second takes; every fixed window is at least twice that."""
FRAME_S = 0.04
"""What a clip's length may lose to rounding: a step of most audio encoders."""
CUT = 0.9
"""Share of the audio tokens that a clip's length promises, under which it counts as cut. Where every clip is padded to
a window, and a second has no number of tokens, nothing is promised."""
ALIKE = 0.5
"""Correlation of two waveforms above which they are one recording for the canary."""
_MEND = "look at its chat template and processor, or at what its server does with audio; --no-canary goes on regardless"


@dataclass(frozen=True)
class Probed:
    """What an engine answered about two very different clips; empty when none of those looked at can be heard."""

    found: Mapping[str, Completion]
    """By the name of the probe; see `judge`."""
    seconds: Mapping[str, float]
    """How much each probe gave to hear."""


def check(job: Job, engine: Engine, wanted: pl.DataFrame, clips: Clips, story: Story) -> None:
    """Ask about two very different clips; raises MgrdError when nothing shows that the model hears them.

    Asked once for a model, an engine and an address in a folder; control jobs too are asked about real clips.
    """
    if is_known(job, engine.name):
        return
    probed = probe(job, engine, candidates(wanted.get_column("audio").to_list()), clips)
    if probed is not None:
        tell(job, engine.name, probed, story)


def is_known(job: Job, engine: str) -> bool:
    """Whether there is nothing to ask: an earlier call of this folder has seen the model hear, or nobody is to ask."""
    path = job.out / NOTE
    return job.options.no_canary or (path.exists() and tables.read_json(path).get("about") == _about(job, engine))


def candidates(audio: Sequence[Sequence[str]]) -> list[str]:
    """Some of the job's clips, from all over it; `audio` are those of each question."""
    some = [audio[n] for n in np.linspace(0, len(audio) - 1, CANDIDATES).round().astype(int)]
    return list(dict.fromkeys(path for paths in some for path in paths))[:CANDIDATES]


def probe(job: Job, engine: Engine, paths: Sequence[str], clips: Clips) -> Probed | None:
    """Ask an engine about the two most different of these clips; None when a signal stopped it. Writes nothing."""
    sounds = _sounds(clips, paths)
    if not sounds:
        return Probed({}, {})
    sampling = Sampling(temperature=0.0, max_tokens=min(TOKENS, job.options.max_tokens))
    for _ in range(TRIES):
        first, other = _pair(sounds)
        probes = _probes(first, other, engine.sr)
        found = _ask(engine, probes, sampling)
        if stop:
            return None
        refused = [one for name, one in (("first", first), ("other", other)) if found[name].error]
        # a clip that the model does not take is a failed sample of the job, and says nothing of the others
        sounds = [sound for sound in sounds if not any(sound is one for one in refused)]
        if not (refused and sounds):
            break
    return Probed(found, {name: sum(map(len, given)) / engine.sr for name, given in probes.items()})


def tell(job: Job, engine: str, probed: Probed, story: Story) -> None:
    """Tell what the answers show, and note it in the job's folder; raises MgrdError as `judge` does."""
    if not probed.found:
        story.note("whether the model hears was not checked: none of the clips looked at can be heard")
        return
    for note in judge(probed.found, probed.seconds):
        story.note(note)
    figures = {
        name: {"seconds": probed.seconds[name]}
        | {key: getattr(one, key) for key in ("prompt_tokens", "text", "logprob", "error")}
        for name, one in probed.found.items()
    }
    tables.write_json({"about": _about(job, engine), "figures": figures}, job.out / NOTE, writer=job.writer)


def _about(job: Job, engine: str) -> dict[str, Any]:
    """What was asked, as the note has it."""
    return {
        "model": engines.model_identity(job.options.engine, job.model),
        "engine": engine,
        "url": job.options.url,
        "audio_part": job.options.audio_part,
    }


def _ask(engine: Engine, probes: Mapping[str, list[Sound]], sampling: Sampling) -> dict[str, Completion]:
    requests = [
        Request(f"canary: {name}", prompts.CANARY, given, [_id(clip) for clip in given], {0: 0})
        for name, given in probes.items()
    ]
    return {one.key.removeprefix("canary: "): one for one in engine.sample(requests, sampling)}


def judge(found: Mapping[str, Completion], seconds: Mapping[str, float]) -> list[str]:
    """What is to be said of a model that hears, mostly nothing; raises MgrdError when it does not.

    `found` has the greedy answers to one question about no clip (`none`), one clip twice (`first`, `again`), another
    (`other`), and the beginnings of the first, if it is long enough (`short`, and `double` of that length).
    """
    for name in ("first", "again", "other"):
        if found[name].error:
            raise MgrdError(
                f"the model was asked about two clips before the job, and failed: {found[name].error}; mend that, or "
                "start without asking: --no-canary"
            )
    hears = _differ(found)
    tokens = {name: one.prompt_tokens for name, one in found.items() if not one.error and one.prompt_tokens}
    clip = f"a clip of {seconds['first']:.1f} s"
    if "none" in tokens and "first" in tokens and tokens["first"] <= tokens["none"] and not hears:
        raise MgrdError(
            f"the prompt has {tokens['first']} tokens with {clip} and {tokens['none']} without it: no audio reaches "
            f"the model; {_MEND}"
        )
    if hears is False:
        told = "and log probabilities " if found["first"].logprob is not None else ""
        raise MgrdError(
            f"the model answers {clip} and a very different one of that length with the same tokens {told}"
            f"({tokens.get('first', 0)} tokens of prompt): it does not hear them; {_MEND}"
        )
    _check_length(tokens, seconds)
    if hears:
        return []
    why = "it tells no log probabilities" if found["first"].text == found["again"].text else "its greedy answers vary"
    if not _takes_room(found):
        return [f"whether the model hears could not be checked: {why}, and its prompt tokens tell nothing"]
    return [f"whether the model hears was checked by its prompt tokens alone: {why}"]


def all_heard(completion: Completion, given_s: float) -> Completion:
    """The completion, as a failed sample unless its model was given the whole of `given_s` seconds of sound."""
    heard_s = sum(completion.heard_s)
    if completion.error or abs(heard_s - given_s) <= FRAME_S * max(1, len(completion.heard_s)):
        return completion
    reason = f"{completion.key}: the model was given {heard_s:.2f} s of {given_s:.2f} s of sound"
    return dataclasses.replace(completion, finish_reason="error", error=reason)


def _differ(found: Mapping[str, Completion]) -> bool | None:
    """Whether the answer depends on the clip; None where that cannot be told.

    The answer to the first clip is asked for twice: what differs between the two is the engine's own noise.
    """
    first, again, other = found["first"], found["again"], found["other"]
    if first.text != again.text:
        return None
    if first.text != other.text:
        return True
    if first.logprob is not None and again.logprob is not None and other.logprob is not None:
        noise = abs(first.logprob - again.logprob)
        return abs(first.logprob - other.logprob) > 3 * noise + 1e-5 * max(1, first.completion_tokens)
    return None if _takes_room(found) else False


def _takes_room(found: Mapping[str, Completion]) -> bool:
    """Whether a clip is seen to take tokens of the prompt: more than none at all, or than its own beginning."""
    shorter = [found[name].prompt_tokens for name in ("none", "short") if name in found and not found[name].error]
    return any(0 < tokens < found["first"].prompt_tokens for tokens in shorter)


def _check_length(tokens: Mapping[str, int], seconds: Mapping[str, float]) -> None:
    """Raise MgrdError when the first clip has fewer tokens than its own beginnings promise."""
    if not {"short", "double", "first"} <= tokens.keys():
        return
    per_s = (tokens["double"] - tokens["short"]) / (seconds["double"] - seconds["short"])
    promised = per_s * (seconds["first"] - seconds["double"])
    if tokens["first"] - tokens["double"] >= CUT * promised - 2:
        return
    raise MgrdError(
        f"{seconds['short']:.1f} s of a clip make a prompt of {tokens['short']} tokens, {seconds['double']:.1f} s one "
        f"of {tokens['double']}, and all {seconds['first']:.1f} s one of {tokens['first']} instead of "
        f"{tokens['double'] + promised:.0f}: the model is not given the whole clip; give shorter ones "
        "(with --engine server, say how much it hears: --window), or --no-canary goes on regardless"
    )


def _sounds(clips: Clips, paths: Sequence[str]) -> list[Sound]:
    """The clips that can be heard."""
    sounds = []
    for path in paths:
        try:
            sound = clips.sound(path)
        except ChangedClipError:
            raise
        except InputError:  # a failed sample of the job, with its reason
            continue
        if np.any(sound):
            sounds.append(sound)
    return sounds


def _pair(sounds: list[Sound]) -> tuple[Sound, Sound]:
    """The longest clip, and the one least like it in length and level; noise where all are alike."""
    longest = max(sounds, key=len)

    def unlike(sound: Sound) -> float:
        return abs(math.log(len(sound) / len(longest))) + abs(math.log(_level(sound) / _level(longest)))

    other = max(sounds, key=unlike)
    alike = abs(np.corrcoef(np.resize(other, len(longest)), longest)[0, 1]) > ALIKE  # e.g. a loop of it
    return longest, control_clip("noise", longest, "canary") if alike else other


def _probes(longest: Sound, other: Sound, sr: int) -> dict[str, list[Sound]]:
    """What is given to hear in each request; see `judge`.

    The other clip is repeated to the length of the first: a model that is told no more than how long a clip is would
    answer two lengths differently.
    """
    repeated = np.resize(other, len(longest))
    probes = {"none": [], "first": [longest], "again": [longest], "other": [repeated]}
    piece = min(round(PIECE_S * sr), len(longest) // 4)
    if piece >= sr:  # of less than a second too few tokens are made to count them
        probes |= {"short": [longest[:piece]], "double": [longest[: 2 * piece]]}
    return probes


def _level(sound: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def _id(clip: Sound) -> str:
    return hashlib.blake2b(clip.tobytes(), digest_size=16).hexdigest()
