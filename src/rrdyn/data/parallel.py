"""Work spread over the cores by threads: the inner loops run without the interpreter lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(work: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None) -> Iterator[Result]:
    """`map(work, items)` over `workers` threads (all cores when None), results in the order of the items.

    Items are taken as results are consumed, so that an endless iterable may be cut short by its consumer. Nobody waits
    for work under way when the consumer stops: a Ctrl-C ends the program however long one item may take.
    """
    workers = workers or cores()
    if workers == 1:
        yield from map(work, items)
        return
    queue, tasks = iter(items), SimpleQueue[tuple[Future[Result], Item] | None]()
    waiting: deque[Future[Result]] = deque()

    def submit(count: int) -> None:
        for item in islice(queue, count):
            waiting.append(Future())
            tasks.put((waiting[-1], item))

    for _ in range(workers):
        Thread(target=_carry_out, args=(work, tasks), daemon=True).start()
    try:
        submit(4 * workers)
        while waiting:
            result = waiting.popleft().result()
            submit(1)
            yield result
    finally:
        for future in waiting:
            future.cancel()
        for _ in range(workers):
            tasks.put(None)


def _carry_out(work: Callable[[Item], Result], tasks: SimpleQueue[tuple[Future[Result], Item] | None]) -> None:
    while (task := tasks.get()) is not None:
        future, item = task
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(work(item))
        except BaseException as error:  # whatever it is, it is raised where the result is asked for
            future.set_exception(error)
