"""Every failure that a user can cause, each with the exit code that `perfpredict` ends with."""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What a script may branch on; one table for all commands."""

    DONE = 0
    BUG = 1
    USAGE = 2
    CANNOT_ANSWER = 3
    ANSWER_IS_NO = 4
    BUSY = 5
    DATABASE_UNUSABLE = 6
    UNTRUSTED = 7


class PerfpredictError(Exception):
    """Base of every error that is not a bug of ours."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        """What to do about it, one sentence, or None where the message says it all."""


class InvalidInputError(PerfpredictError, ValueError):
    """A value, name, option or file that cannot be used; nothing was changed."""

    exit_code = ExitCode.USAGE


class UnknownDeviceError(InvalidInputError):
    """No device has this name or alias."""


class UnknownPlatformError(InvalidInputError):
    """A platform alias that stands for no device here."""


class CannotAnswerError(PerfpredictError, LookupError):
    """The call is right, but there is no data to answer it from."""

    exit_code = ExitCode.CANNOT_ANSWER


class UnknownModelError(CannotAnswerError):
    """Nothing is known of this model: not in the catalog, no configuration, no size."""


class UnknownIdError(CannotAnswerError):
    """No row has this identifier."""


class AmbiguousIdError(InvalidInputError):
    """An identifier prefix fits more than one row."""


class TooFewRowsError(CannotAnswerError):
    """Fewer rows than the computation needs."""


class NoDatabaseError(CannotAnswerError):
    """A reading command met no database file."""


class MissingExtraError(CannotAnswerError):
    """An optional dependency is needed; the hint has the line that installs it."""


class GateFailedError(PerfpredictError):
    """The question was answered, and the answer is no."""

    exit_code = ExitCode.ANSWER_IS_NO


class StoreBusyError(PerfpredictError):
    """Another process held the database for longer than the lock timeout."""

    exit_code = ExitCode.BUSY


class StoreUnusableError(PerfpredictError):
    """The database file is corrupt, foreign, too new, read-only or cannot grow."""

    exit_code = ExitCode.DATABASE_UNUSABLE


class UntrustedModelError(PerfpredictError):
    """A serialized predictor whose loading could run code that nobody here has trusted."""

    exit_code = ExitCode.UNTRUSTED
