"""Work spread over the cores by threads: the inner loops run without the interpreter lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(work: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None) -> Iterator[Result]:
    """`map(work, items)` over `workers` threads (all cores when None), results in the order of the items.

    Items are taken as results are consumed, so that an endless iterable may be cut short by its consumer.
    """
    workers = workers or cores()
    if workers == 1:
        yield from map(work, items)
        return
    queue = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[Future[Result]] = [pool.submit(work, item) for item in islice(queue, 4 * workers)]
        try:
            while waiting:
                result = waiting.pop(0).result()
                waiting.extend(pool.submit(work, item) for item in islice(queue, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
