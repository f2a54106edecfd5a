"""Event loops of libraries that do not wait for what they have begun."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def patient() -> Iterator[None]:
    """Event loops that are made inside end their tasks before they are closed.

    Tasks of a closed loop complain on stderr one after another, and those that wait for another library's threads have
    blocked the process for ever when they were collected.
    """
    policy = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(_Patience())
    try:
        yield
    finally:
        asyncio.set_event_loop_policy(policy)


class _Patience(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return _Loop()


class _Loop(asyncio.SelectorEventLoop):
    def close(self) -> None:
        if begun := asyncio.all_tasks(self):
            self.run_until_complete(asyncio.wait(begun))
        super().close()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Prints nothing: the first error has been raised, and those of the tasks after it tell the same."""
