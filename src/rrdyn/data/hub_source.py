"""The published puzzles on the Hugging Face Hub.

Files come into the Hub's usual cache under their names only when they are whole; a dataset folder is written only when
all of them are there.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np

from rrdyn.artifacts.errors import InputError, RrdynError, UsageError
from rrdyn.data.collection import Collection
from rrdyn.data.csv_source import from_files
from rrdyn.data.equality import cut_validation
from rrdyn.data.folder import PuzzleSplit, open_split
from rrdyn.data.puzzle import Puzzle
from rrdyn.data.recipe import Recipe
from rrdyn.data.source import DEFAULT_N, Gathered
from rrdyn.data.writer import ARRAYS
from rrdyn.runtime.progress import say
from rrdyn.runtime.streams import generator

PATIENCE = 10.0
"""Seconds that `auto` gives the Hub to answer."""
SPLITS = ("train", "test")


class Unreachable(RrdynError):
    """The Hub did not answer, or not to the end."""


def try_hub(recipe: Recipe, kind: type[Puzzle]) -> Gathered | None:
    """The published puzzles if there are any like these and the Hub answers in time; says why not otherwise."""
    repo, unlike = recipe.repository, recipe.unpublished
    if repo is None or unlike:
        say(f"{repo} has no {unlike}: puzzles are generated" if repo else f"{kind.name} puzzles are generated")
        return None
    reason = unreachable(repo, _probe_file(recipe), PATIENCE)
    if reason:
        say(f"NOTE: {repo} cannot be had ({reason}).")
        say("NOTE: generated puzzles of the same kind are made instead; the folder's name and rrdyn.json say so.")
        return None
    return from_hub(recipe, kind)


def from_hub(recipe: Recipe, kind: type[Puzzle]) -> Gathered:
    """Download the published puzzles (or take them from the cache) and read them."""
    repo, unlike = recipe.repository, recipe.unpublished
    if repo is None:
        raise UsageError(f"no published {kind.name} puzzles are known", run="--repo OWNER/NAME, or --source generate")
    if unlike and recipe.repo is None:
        raise InputError(f"{repo} has no {unlike}", expected="what is published", run="use --source generate")
    reason = None if recipe.offline else unreachable(repo, _probe_file(recipe), PATIENCE)
    if recipe.published_folders:
        return _from_folder(recipe, repo, reason)
    train, test = (download(repo, f"{split}.csv", offline=recipe.offline, reason=reason) for split in SPLITS)
    name = f"{repo.split('/')[-1]}-hub"
    return from_files(recipe, kind, train, test, source="hub", name=name, repo=repo, commit=_commit(train))


def _probe_file(recipe: Recipe) -> str:
    return ".gitattributes" if recipe.published_folders else "train.csv"


def unreachable(repo: str, filename: str, seconds: float) -> str | None:
    """None where the Hub answers for a file within `seconds`, else the reason; never takes longer than that."""
    if _switched_off():
        return "HF_HUB_OFFLINE is set"
    answer: list[str | None] = []

    def ask() -> None:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        try:
            url = hf_hub_url(repo, filename, repo_type="dataset", endpoint=_endpoint())
            get_hf_file_metadata(url, timeout=seconds)
            answer.append(None)
        except Exception as error:  # the client raises its own, its HTTP library's and the system's kinds
            # an answer about a missing file is an answer
            answer.append(None if getattr(error, "response", None) is not None else _reason(error))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answer[0] if answer else f"no answer in {seconds:g} seconds"


def download(repo: str, filename: str, *, offline: bool = False, reason: str | None = None) -> Path:
    """One file of a dataset repository: from the Hub, or from the cache when offline or unreachable for a `reason`.

    Raises InputError for a repository or file that is not there, Unreachable for a cut or refused connection.
    """
    from huggingface_hub import errors, hf_hub_download
    from huggingface_hub.utils import disable_progress_bars, logging

    disable_progress_bars()
    logging.set_verbosity_error()  # its retries are not news: what fails in the end is told below
    from_cache = offline or reason is not None or _switched_off()
    say(f"{'taking' if from_cache else 'fetching'} {filename} of {repo}{' from the cache' if from_cache else ''}")
    try:
        return Path(
            hf_hub_download(
                repo,
                filename,
                repo_type="dataset",
                endpoint=_endpoint(),
                local_files_only=from_cache,
                library_name="rrdyn",
                etag_timeout=PATIENCE,
            )
        )
    except errors.LocalEntryNotFoundError as error:
        if reason is not None:
            raise Unreachable(
                f"{repo} cannot be reached, and {filename} is not in the cache",
                found=reason,
                run="try again later, or use --source generate",
            ) from None
        if from_cache:
            raise InputError(
                f"{filename} of {repo} is not in the Hub's cache",
                expected="an earlier download",
                run="leave out --offline once, or use --source generate",
            ) from None
        raise _cut(repo, filename, error) from None
    except errors.EntryNotFoundError:
        raise InputError(f"{repo} has no file {filename}", expected="train.csv and test.csv") from None
    except errors.RepositoryNotFoundError:
        raise InputError(f"there is no dataset {repo} on the Hub, or it is private", run="hf auth login") from None
    except errors.HFValidationError as error:
        raise InputError(f"{repo} is no name of a dataset", found=error, expected="owner/name") from None
    except Exception as error:  # as above
        raise _cut(repo, filename, error) from None


def _cut(repo: str, filename: str, error: BaseException) -> Unreachable:
    return Unreachable(
        f"{filename} of {repo} could not be fetched to the end",
        found=_reason(error),
        expected="a connection to the Hub",
        run="the same command again (whole files are kept), or --source generate",
    )


def _reason(error: BaseException) -> str:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}".rstrip(": ")


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT")


def _switched_off() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _commit(cached: Path) -> str | None:
    """The commit that a cached file (.../snapshots/COMMIT/...) belongs to."""
    parts = cached.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts else None


def _from_folder(recipe: Recipe, repo: str, reason: str | None) -> Gathered:
    """Puzzles that are published as a dataset folder."""
    folder = _fetch_folder(repo, recipe.published_folders, offline=recipe.offline, reason=reason)
    first, second = open_split(folder, "train"), open_split(folder, "test")
    rng = generator(recipe.seed, "subsample")
    n = DEFAULT_N if recipe.n is None else recipe.n or None
    splits = cut_validation(
        first.puzzle, _originals(first), _originals(second), n=n, val_groups=recipe.val_groups, rng=rng
    )
    return Gathered(
        puzzle=first.puzzle,
        splits=splits,
        name=f"{folder.name}-hub",
        source="hub",
        origin={"repo": repo, "commit": _commit(folder)},
        files=[folder / split / f"all__{array}.npy" for split in SPLITS for array in ("inputs", "labels")],
    )


def _fetch_folder(repo: str, folders: tuple[str, ...], *, offline: bool, reason: str | None) -> Path:
    """The dataset folder in the cache, whole, wherever in the repository it lies."""
    names = ("dataset.json", *(f"all__{array}.npy" for array in ARRAYS))
    for folder in folders:
        members = [f"{folder}/{split}/{name}" for split in SPLITS for name in names]
        try:
            paths = [download(repo, member, offline=offline, reason=reason) for member in members]
            return paths[0].parent.parent
        except InputError as error:
            missing = error
    raise missing


def _originals(split: PuzzleSplit) -> Collection:
    inputs = np.asarray(split.inputs[split.originals], dtype=np.uint8)
    labels = np.asarray(split.labels[split.originals], dtype=np.uint8)
    difficulty = split.difficulty[split.originals] if split.difficulty is not None else None
    return Collection(inputs, labels, split.puzzle.difficulty(inputs, labels) if difficulty is None else difficulty)
