"""An export, to the Hugging Face hub, with the token that its user is logged in with; nothing else is sent anywhere.

The token is huggingface_hub's to find and to send. It stands in no file and no log of ours, nor in an error, also where
a hub or a proxy says it back.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from mgrd import folders, locks
from mgrd.errors import MgrdError, MisusedError, first_line
from mgrd.progress import Story

LEFT_HERE = (folders.MANIFEST, locks.LOCK, "*.old-*", "*.partial")
"""What is not uploaded: the manifest says how and where it was made, the rest is no part of the export."""


def check_name(repo: str) -> None:
    """Raise MisusedError unless `repo` could be a data set's name on the hub: NAME or OWNER/NAME."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise MisusedError(f"--push-to-hub {repo}: {first_line(error)}") from error


def push(folder: Path, repo: str, story: Story) -> str:
    """Upload a finished export as the data set `repo`, made private where it does not exist yet; its address.

    Raises MgrdError, in one line, for whatever the hub or the way to it objects to: the export itself is whole.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError  # of whichever HTTP client it uses: httpx, or httpx2 since 2.0
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    api = HfApi()
    story.note(f"Uploading {folder} to {repo}")
    try:
        url = api.create_repo(repo, repo_type="dataset", private=True, exist_ok=True)
        api.upload_folder(
            repo_id=url.repo_id,
            repo_type="dataset",
            folder_path=folder,
            ignore_patterns=list(LEFT_HERE),
            commit_message="Traces that passed, exported by mgrd",
        )
    except (HTTPError, OSError, ValueError) as error:  # ValueError: a card, or an answer, that is not as it should be
        told = MgrdError(
            f"{repo}: cannot be pushed ({_said(error)}); {folder} is complete: log in with `hf auth login`, or "
            "mend the connection, and give the same command again"
        )
        is_clean = _token() not in "".join(traceback.format_exception(error))
        raise told from (error if is_clean else None)
    return str(url)


def _said(error: Exception) -> str:
    """What an error says, in one line, without the token; of a card that is not taken, also what is wrong with it."""
    lines = str(error).replace(_token(), "***").strip().splitlines()
    told = " ".join(lines) if isinstance(error, ValueError) else "".join(lines[:1])
    return " ".join(told.split())[:200] or type(error).__name__


def _token() -> str:
    """The token; where there is none, what stands in no text."""
    from huggingface_hub import get_token

    return get_token() or "\0"
