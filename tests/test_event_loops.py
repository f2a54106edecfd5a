"""Event loops that end what they have begun."""

import asyncio

import pytest

from akd_jax.event_loops import patient


def run_and_close(ended):
    """As Orbax does: the first error ends it all."""

    async def fail():
        raise ValueError("first")

    async def fail_later():
        await asyncio.sleep(0.01)
        ended.append(True)
        raise ValueError("second")

    async def both():
        await asyncio.gather(fail(), fail_later())

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(both())
    finally:
        loop.close()


def test_tasks_end_and_nothing_is_said(capfd):
    policy, ended = asyncio.get_event_loop_policy(), []
    with pytest.raises(ValueError, match="first"), patient():
        run_and_close(ended)
    assert ended == [True]
    assert capfd.readouterr().err == ""
    assert asyncio.get_event_loop_policy() is policy
