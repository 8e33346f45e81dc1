from __future__ import annotations

from itertools import count
from threading import Event

import pytest

from rrdyn.data.parallel import cores, in_order


def doubled(number: int) -> int:
    return 2 * number


@pytest.mark.parametrize("workers", [1, 2, 5, None])
def test_results_come_in_order_and_an_endless_source_may_be_left(workers):
    results = in_order(doubled, count(), workers)
    assert [next(results) for _ in range(30)] == list(range(0, 60, 2))
    results.close()


def test_a_consumer_that_stops_does_not_wait_for_work_under_way():
    begun, go_on, ended = Event(), Event(), Event()

    def patient(number: int) -> int:
        if number:
            begun.set()
            go_on.wait(60)
            ended.set()
        return number

    results = in_order(patient, count(), 2)
    assert next(results) == 0
    begun.wait(60)
    results.close()
    assert not ended.is_set()
    go_on.set()


def test_an_error_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda number: 1 // number, [2, 1, 0], 2))


def test_there_is_a_core():
    assert cores() >= 1
