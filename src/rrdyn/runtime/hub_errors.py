"""One message for whatever `huggingface_hub`, its HTTP library or the system raises while the Hub is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rrdyn.artifacts.errors import InputError, RrdynError, UsageError
from rrdyn.runtime.guard import Unreachable, printable
from rrdyn.runtime.hub_address import Ref, endpoint

STRANGE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading an answer raises that is no Hub's."""


@contextmanager
def told(ref: Ref, doing: str, run: str, *, file: str = "") -> Iterator[None]:
    """Turn what is raised inside into one message; a connection that breaks there was cut while `doing`."""
    try:
        yield
    except RrdynError:
        raise
    except Exception as error:  # the client raises its own, its HTTP library's and the system's kinds
        explained = _explained(error, ref, file)
        if isinstance(explained, Unreachable):
            raise Unreachable(f"the connection was cut while {doing}", found=explained.found, run=run) from None
        raise explained from None


def _explained(error: Exception, ref: Ref, file: str) -> RrdynError:
    """What went wrong, in words: with the repository, revision, file, access, connection or cache."""
    from huggingface_hub import errors

    text = printable(error, 200) or type(error).__name__
    if isinstance(error, errors.GatedRepoError):
        return InputError(
            f"{ref.name} asks for consent before it is read", run="open its page once, then hf auth login"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        kind = "dataset" if ref.kind == "dataset" else "repository"
        return InputError(
            f"there is no {kind} {ref.name} on the Hub, or it is private",
            found=text.split(". ")[0],
            expected="an existing owner/repo",
            run="check the spelling; for a private one, hf auth login",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return InputError(f"{ref.name} has no revision {ref.revision}", expected="a branch, a tag or a commit of it")
    if isinstance(error, errors.EntryNotFoundError) and not isinstance(error, errors.LocalEntryNotFoundError):
        return InputError(
            f"{ref.name} has no file {file} at revision {ref.revision}", run=f"rrdyn hub pull {ref} again"
        )
    if isinstance(error, errors.LocalTokenNotFoundError):
        return RrdynError("no Hub token is set up", run="hf auth login")
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return RrdynError(f"the Hub refuses access to {ref.name}", found=f"HTTP {status}", run="hf auth login")
    if isinstance(error, errors.HFValidationError):
        return UsageError(f"{ref} is not a place on the Hub", found=text)
    if type(error).__module__ == "builtins" and isinstance(error, OSError) and error.filename is not None:
        return RrdynError(
            f"cannot use the Hub's cache at {error.filename}", found=error.strerror, run="HF_HOME=FOLDER for another"
        )
    if isinstance(error, STRANGE):
        return RrdynError(
            f"{endpoint()} does not answer as a Hub does",
            found=f"{type(error).__name__}: {text}",
            run="check HF_ENDPOINT",
        )
    return Unreachable(f"{ref.name} cannot be reached", found=f"HTTP {status}" if status else _cause(error))


def _cause(error: BaseException) -> str:
    """The innermost reason: clients wrap a refused connection several times."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {printable(error)}".rstrip(": ")
