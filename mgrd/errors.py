"""What can go wrong that the user can fix.

MgrdError            one line (what, where, what next), exit code 1
├── MisusedError     the command line or the config alone show it to be wrong, exit code 2
├── InputError       a question, clip, trace table or model folder is missing, unreadable or not what it should be
├── SettingsError    a folder was made under another identity (other model, prompt, rules, ...)
├── RuleError        a check does not load, or its options do not fit
└── Stopped          stopped but retriable: what is done is saved, the same command goes on, exit code 75

Anything else that escapes is a bug in mgrd and keeps its traceback. Three outcomes that are not errors have exit codes
of their own: 3 nothing survived, 75 see above, 130 interrupted.
"""

EXIT_CANNOT = 1
EXIT_MISUSED = 2
EXIT_NOTHING_SURVIVED = 3
EXIT_RETRIABLE = 75
EXIT_INTERRUPTED = 130


class MgrdError(Exception):
    """Base of every error whose message is written for the user."""

    exit_code = EXIT_CANNOT


class MisusedError(MgrdError):
    """An unknown option or key, a value out of range, a path that does not exist."""

    exit_code = EXIT_MISUSED


class InputError(MgrdError):
    """Questions, clips, traces or a model folder are missing, unreadable or not what they should be."""


class SettingsError(MgrdError):
    """A folder holds work that was made under other settings."""


class RuleError(MgrdError):
    """A check does not load, or its options do not fit its signature."""


class Stopped(MgrdError):
    """Stopped by a signal or a time limit; everything so far is saved."""

    exit_code = EXIT_RETRIABLE


def first_line(error: BaseException) -> str:
    """The first line of what an error of another library says, cut to 200 characters; its kind when it says nothing."""
    said = str(error).strip().splitlines()
    return said[0].strip()[:200] if said else type(error).__name__
