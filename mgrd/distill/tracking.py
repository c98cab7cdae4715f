"""Where the figures of a training go besides distill.json: TensorBoard's files, or a service by its name.

Of transformers' Trainer it is what that chooses to send; of a loop of our own, what the loop tells. Keys of services
are read by their clients, never here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mgrd.distill import processes
from mgrd.errors import MgrdError

TENSORBOARD = "tensorboard"
"""Its files' folder, too."""


def check(report_to: str | None) -> None:
    """Raise MgrdError when the package of a named service is not installed."""
    if report_to not in (None, "none") and find_spec(str(report_to)) is None:
        raise MgrdError(f"--report-to {report_to}: it is not installed; pip install {report_to}, or --report-to none")


def services(report_to: str | None) -> list[str]:
    """The services that transformers reports to by itself."""
    return [report_to] if report_to in ("wandb", "trackio", "mlflow") else []


def callbacks(report_to: str | None, out: Path) -> list[Any]:
    """TensorBoard's callback, which writes to `out/tensorboard`, where it is wanted: by default where installed."""
    if report_to not in (None, TENSORBOARD) or find_spec(TENSORBOARD) is None:
        return []
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    return [TensorBoardCallback(SummaryWriter(out / TENSORBOARD))]


@contextmanager
def curves(report_to: str | None, out: Path) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """Give a function that takes a step's number and its figures, and tells them to where `callbacks` would.

    Of several processes the first one tells. Services are accelerate's to know; their project is called mgrd.
    """
    tracker: Any = None
    writer: Any = None
    if processes.is_first() and report_to in (None, TENSORBOARD) and find_spec(TENSORBOARD) is not None:
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(out / TENSORBOARD)
    elif processes.is_first() and services(report_to):
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS

        tracker = LOGGER_TYPE_TO_CLASS[report_to]("mgrd")
        tracker.start()

    def tell(step: int, figures: Mapping[str, float]) -> None:
        if writer is not None:
            for name, value in figures.items():
                writer.add_scalar(f"train/{name}", value, step)
        if tracker is not None:
            tracker.log({f"train/{name}": value for name, value in figures.items()}, step=step)

    try:
        yield tell
    finally:
        if writer is not None:
            writer.close()
        if tracker is not None:
            tracker.finish()
