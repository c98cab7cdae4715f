"""Where the figures of a training go besides distill.json: TensorBoard's files, or a service by its name.

What is sent there is transformers' own choice of figures; keys of services are read by their clients, never here.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

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
