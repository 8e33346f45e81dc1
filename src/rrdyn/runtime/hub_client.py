"""The client of `huggingface_hub`, made to obey a guard: work `under` one sends and takes only what it lets pass."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

from rrdyn.runtime.guard import REDIRECTS, Guard

T = TypeVar("T")

_active: contextvars.ContextVar[Guard | None] = contextvars.ContextVar("rrdyn_hub_guard", default=None)


def under(guard: Guard, work: Callable[[], T]) -> T:
    """What `work` gives under a guard; raises the guard's refusal, or else what `work` raises.

    The work has a thread of its own that is left behind where it hangs: a name that is never resolved or a header that
    never ends cannot hold the caller. What is left behind finds its time over at its next step.
    """
    _install()
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        _active.set(guard)
        try:
            with _xet.off():
                done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="rrdyn hub", daemon=True)
    thread.start()
    try:
        while thread.is_alive() and guard.left() > 0:
            thread.join(min(0.1, max(0.001, guard.left())))
        if thread.is_alive():
            guard.late()
    finally:
        guard.close()
    if guard.refusal is not None:
        raise guard.refusal
    if failed:
        raise failed[0]
    return done[0]


class _XetSwitch:
    """The library's switch for Xet: off while any exchange runs, then as the user had it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.exchanges = 0
        self.before = False

    @contextmanager
    def off(self) -> Iterator[None]:
        from huggingface_hub import constants

        with self.lock:
            if not self.exchanges:
                self.before = constants.HF_HUB_DISABLE_XET
            self.exchanges += 1
            constants.HF_HUB_DISABLE_XET = True
        try:
            yield
        finally:
            with self.lock:
                self.exchanges -= 1
                if not self.exchanges:
                    constants.HF_HUB_DISABLE_XET = self.before


_xet = _XetSwitch()


def _install() -> None:
    """Give the library a client that asks the guard of its thread, where there is one.

    It stays: a thread that was left behind must not find an unguarded client. Without a guard it is the client that the
    library, or whoever set a factory, made.
    """
    from huggingface_hub import get_session, set_client_factory
    from huggingface_hub.utils import _http, logging

    logging.set_verbosity_error()  # its retries are not news: what fails in the end is told by us
    if hasattr(get_session(), "rrdyn_guarded"):
        return
    factory: Callable[[], Any] = getattr(_http, "_GLOBAL_CLIENT_FACTORY", None) or type(get_session())

    def guarded() -> Any:
        client = factory()
        plain = client.send
        client.rrdyn_guarded = True

        def send(request: Any, *, stream: bool = False, **options: Any) -> Any:
            guard = _active.get()
            if guard is None:
                return plain(request, stream=stream, **options)
            return _send(guard, plain, request, stream=stream, follow=options.get("follow_redirects") is not False)

        client.send = send
        return client

    set_client_factory(guarded)


def _send(guard: Guard, plain: Callable[..., Any], request: Any, *, stream: bool, follow: bool) -> Any:
    """One request and the redirects that follow, each of them by the guard's rules."""
    for _ in range(REDIRECTS):
        guard.prepare(request)
        if guard.sent is not None:
            request.stream = _counted(request.stream, guard.sent)
        guard.begin()
        try:
            response = plain(request, stream=True, auth=None, follow_redirects=False)
        except BaseException:
            guard.finish()
            raise
        try:
            guard.check(request, response)
            response.stream = _metered(response.stream, guard)
            onward = response.next_request if follow else None
            if onward is None:
                if not stream:
                    response.read()
                return response
        except BaseException:
            response.close()
            raise
        response.close()
        request = onward
    guard.refuse("the Hub leads in circles", found=f"{REDIRECTS} redirects")


def _counted(stream: Any, sent: Callable[[int], None]) -> Any:
    """A body whose bytes are counted as they go."""
    library = import_module(type(stream).__module__.partition(".")[0])

    class Counted(library.SyncByteStream):  # type: ignore[name-defined, misc]
        def __iter__(self) -> Iterator[bytes]:
            for chunk in stream:
                yield chunk
                sent(len(chunk))

    return Counted()


def _metered(stream: Any, guard: Guard) -> Any:
    """A body whose bytes are counted as they come."""
    library = import_module(type(stream).__module__.partition(".")[0])

    class Metered(library.SyncByteStream):  # type: ignore[name-defined, misc]
        def __iter__(self) -> Iterator[bytes]:
            for chunk in stream:
                guard.take(len(chunk))
                yield chunk

        def close(self) -> None:
            guard.finish()
            stream.close()

    return Metered()
