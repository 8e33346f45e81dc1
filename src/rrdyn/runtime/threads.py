"""Examples one at a time on a CPU: each by one thread, as many at once as there are threads.

A matrix product blocked over several examples, or over several threads, rounds differently, and on a chaotic
trajectory the last digit becomes the answer. One example by one thread gives the same bits whatever the batch, the
number of threads and the number of processes; for large models it is also the fastest way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def one_thread() -> Iterator[int]:
    """torch operations run on one thread inside; yields how many there were outside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield before
    finally:
        torch.set_num_threads(before)


def each(function: Callable[[T], R], items: Sequence[T], *, parallel: bool = True) -> list[R]:
    """`function` of every item, in order of the items."""
    results: dict[int, R] = dict(completed(lambda i: function(items[i]), range(len(items)), parallel=parallel))
    return [results[i] for i in range(len(items))]


def completed(function: Callable[[int], R], items: Sequence[int], *, parallel: bool = True) -> Iterator[tuple[int, R]]:
    """(item, function(item)) as they are done, without gradients. After an error or an interrupt no item is begun."""

    def plain(item: int) -> R:  # grad mode belongs to a thread
        with torch.no_grad():
            return function(item)

    with one_thread() as threads:
        if not parallel or threads == 1 or len(items) == 1:
            for item in items:
                yield item, plain(item)
            return
        # Every thread sets its own count: the setting of the thread that made it does not reach the BLAS in it.
        pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        try:
            waiting: dict[Future[R], int] = {pool.submit(plain, item): item for item in items}
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield waiting.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
