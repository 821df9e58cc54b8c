"""A real ipykernel: `await` in cells, displays, progress, interrupts and restarts, with a server on a real port."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from identity_sdk.testing import Emulator, emulator

jupyter_client = pytest.importorskip("jupyter_client")
pytest.importorskip("ipykernel")

pytestmark = pytest.mark.edge

PAGES = 3
SEED = {
    "users": [{"id": f"user-{number:04}"} for number in range(2_000)]
}  # and the administrator; 1,000 a page
CONNECT = "from identity_sdk import connect\nidp = connect()\nidp"


@dataclass
class Ran:
    """What a cell brought: its outputs in order, and the name of the error that ended it."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None

    def shown(self, mime: str) -> list[str]:
        return [one["data"][mime] for one in self.outputs if mime in one.get("data", {})]

    def printed(self) -> str:
        return "".join(one.get("text", "") for one in self.outputs)


class Kernel:
    def __init__(self) -> None:
        self.manager: Any = jupyter_client.KernelManager(kernel_name="python3")

    def start(self, environ: dict[str, str]) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IDENTITY_SDK_")}
        self.manager.start_kernel(env={**kept, **environ})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str, meanwhile: Callable[[], None] = lambda: None) -> Ran:
        asked = self.client.execute(code)
        meanwhile()
        ran = Ran()
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != asked:
                continue
            content = message["content"]
            if message["msg_type"] == "error":
                ran.error = content["ename"]
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return ran
            ran.outputs.append(content)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator[Any]]:
    with emulator("lakefs", seed=SEED) as one:
        yield one


@pytest.fixture(scope="module")
def kernel(server: Emulator[Any]) -> Iterator[Kernel]:
    one = Kernel()
    one.start(server.environment)
    yield one
    one.stop()


def asked_for_users(server: Emulator[Any]) -> int:
    return sum(request.path == "/auth/users" for request in server.requests)


def test_await_in_cells_and_displays(kernel: Kernel) -> None:
    [card] = kernel.run(CONNECT).shown("text/html")
    assert "<caption>Identity client</caption>" in card
    listed = kernel.run("await idp.users.list()")
    assert "<caption>2,001 users</caption>" in listed.shown("text/html")[0]
    assert "… 1,951 more" in listed.shown("text/html")[0]
    assert listed.shown("text/plain")[0].startswith("2,001 users\nid ")
    assert "not asked for yet" in kernel.run("idp.users.list()").shown("text/html")[0]
    made = kernel.run("key = await idp.credentials.create('user-0000')\nkey")
    assert "**********" in made.shown("text/html")[0]
    secret = kernel.run("print(key.secret.reveal())").printed().strip()
    assert len(secret) > 20
    assert secret not in str(made.outputs)
    assert kernel.run("(await idp.users.list()).to_pandas().shape").shown("text/plain") == ["(2001, 7)"]


def test_progress_is_replaced_in_place(kernel: Kernel) -> None:
    ran = kernel.run(CONNECT.removesuffix("idp") + "count = len(await idp.users.list().progress())")
    assert ran.error is None
    first, *_, last = ran.shown("text/html")
    assert "<progress" in first
    assert f"done: 2,001 in {PAGES} pages" in last
    assert len({one["transient"]["display_id"] for one in ran.outputs if "transient" in one}) == 1


def test_a_verbose_traceback_shows_no_secret(kernel: Kernel, server: Emulator[Any]) -> None:
    """IPython's own, which prints the variables of every frame."""
    kernel.run("from identity_sdk import connect\n%xmode Verbose\nidp = connect()")
    ran = kernel.run("await idp.users.get('nobody')")
    kernel.run("%xmode Context")
    assert ran.error == "NotFoundError"
    told = str(ran.outputs)
    assert "nobody" in told
    assert server.environment["IDENTITY_SDK_SECRET_ACCESS_KEY"] not in told


def test_a_running_list_is_interrupted_and_run_again(kernel: Kernel, server: Emulator[Any]) -> None:
    kernel.run(CONNECT)
    with server.faults.delay(4, on="/auth/users", times=1) as late:
        before = asked_for_users(server)

        def interrupt() -> None:
            ends = time.monotonic() + 30
            while late.hits == 0 or asked_for_users(server) == before:
                assert time.monotonic() < ends, "the list was never asked for"
                time.sleep(0.02)
            kernel.manager.interrupt_kernel()
            kernel.client.kernel_info()  # ipykernel sees a signal once something wakes its loop (its issue 881)

        started = time.monotonic()
        ran = kernel.run("users = [user async for user in idp.users.list().progress()]", interrupt)
    assert ran.error in ("CancelledError", "KeyboardInterrupt")  # the former by ipykernel 7
    assert time.monotonic() - started < 3.5
    assert "stopped: 0 in 0 pages" in ran.shown("text/html")[-1]
    again = kernel.run("users = await idp.users.list()\nprint(len(users), idp.stats())")
    assert again.printed().startswith("2001 ")
    assert "in_flight=0" in again.printed()


def test_cells_on_trio(kernel: Kernel) -> None:
    pytest.importorskip("trio")
    kernel.run(CONNECT)
    assert kernel.run("await idp.users.list(limit=1)").error is None
    assert kernel.run("%autoawait trio").error is None
    assert kernel.run("await idp.users.list(limit=1)").error == "WrongEventLoopError"
    kernel.run(CONNECT)
    for _ in range(2):  # each in a run of its own
        cell = "import sniffio\nprint(len(await idp.users.list()), sniffio.current_async_library())"
        assert kernel.run(cell).printed() == "2001 trio\n"
    assert kernel.run("%autoawait asyncio").error is None


def test_a_restarted_kernel_runs_the_same_cells(kernel: Kernel) -> None:
    kernel.run(CONNECT)
    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(timeout=60)
    assert kernel.run("idp").error == "NameError"
    assert "Identity client" in kernel.run(CONNECT).shown("text/html")[0]
    assert kernel.run("print(len(await idp.users.list()))").printed() == "2001\n"
    assert kernel.run("await idp.aclose()").error is None
