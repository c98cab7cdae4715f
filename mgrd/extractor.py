"""`--extractor llm`: the model that is asked what a think text claims, and what becomes of its lines.

What it answers is read by mgrd.claims.by_model. Knows nothing about audio, rules or verdicts.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mgrd import engines, prompts
from mgrd.asking import Asking
from mgrd.errors import MisusedError
from mgrd.options import Filter

LINES: dict[str, pl.DataType] = {"trace_id": pl.String(), "outcome": pl.String(), "lines": pl.Int32()}
"""What became of the lines of a trace's answer; `added`, or why they were dropped."""


def chosen(options: Filter) -> Asking | None:
    """The extractor that the options name, None for the rules alone.

    Raises MisusedError when model and extractor do not fit, InputError when there is no such model.
    """
    engines.check_server(options.extractor_engine, options.extractor_url, "--extractor-")
    if options.extractor == "rules":
        if options.extractor_model is not None:
            raise MisusedError(f"--extractor-model {options.extractor_model}: goes with --extractor llm")
        return None
    if options.extractor_model is None:
        raise MisusedError("--extractor llm: name the model that extracts, --extractor-model MODEL")
    served = options.extractor_engine == "server"
    return Asking(
        name="extractor",
        flag="--extractor-model",
        tokens_flag="--extractor-tokens",
        model=options.extractor_model if served else Path(options.extractor_model),
        fingerprint=engines.model_identity(options.extractor_engine, options.extractor_model),
        instruction=prompts.EXTRACT,
        tokens=options.extractor_tokens,
        engine=options.extractor_engine,
        url=options.extractor_url,
    )
