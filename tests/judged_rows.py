"""Rows of a judged table for tests: what matters is given, the rest is what the schema allows."""

from __future__ import annotations

from mgrd import tables


def trace(question_id="q1", sample=0, *, objections=(), claims=(), think="It falls.", **given):
    """A judged trace that passed, or did not because of `objections` (`rule.check` names or (rule, check, reason))."""
    named = [(*one.split("."), "because") if isinstance(one, str) else one for one in objections]
    row = dict.fromkeys(tables.JUDGED) | {
        "trace_id": f"{question_id}.1.{sample}",
        "question_id": question_id,
        "round": 1,
        "sample": sample,
        "audio": ["clips/a.wav"],
        "question": "Which way?",
        "choices": ["up", "down"],
        "answer": "down",
        "completion": f"<think>{think}</think>down",
        "think": think,
        "response": "down",
        "finish_reason": "stop",
        "completion_tokens": 10,
        "heard_s": [3.0],
        "predicted": "down",
        "correct": True,
        "objections": [dict(zip(("rule", "check", "reason"), one, strict=True)) for one in named],
        "passed": not named,
        "claims": [claim(one) if isinstance(one, str) or one is None else one for one in claims],
    }
    return row | given


def claim(verdict, text="It falls", start=0, **given):
    """A claim with a verdict (None: a span that asserts nothing)."""
    return {
        "start": start,
        "end": start + len(text),
        "text": text,
        "cue": "pitch.contour",
        "kind": "trend",
        "scope": "whole",
        "t0_s": None,
        "t1_s": None,
        "polarity": 1,
        "modality": "asserted" if verdict else "hypothetical",
        "asserts": "falling",
        "claimed": "falling",
        "claimed_value": None,
        "measured": -6.25,
        "unit": "st/s",
        "z": 3.0,
        "verdict": verdict,
        "why": "the slope is -6.2 st/s" if verdict else None,
        "confidence": 0.9,
    } | given


def write(folder, *parts):
    """Write parts of traces as `folder/judged` and return it."""
    for number, rows in enumerate(parts):
        tables.write_table(rows, folder / "judged" / f"part-{number:06d}.parquet", tables.JUDGED)
    return folder / "judged"
