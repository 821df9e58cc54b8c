"""`identity_sdk.testing` and the telemetry as both type checkers see them. Never run: they read it, strict."""

from __future__ import annotations

from typing import assert_type

from identity_sdk import Argus, IdentityClient, LakeFS, Local, connect
from identity_sdk.integrations.otel import OpenTelemetry
from identity_sdk.middleware.observe import Telemetry
from identity_sdk.testing import Emulator, EmulatorFactory, NoWaiting, embedded, emulator


def servers(identity_server: EmulatorFactory) -> None:
    with emulator("lakefs") as server:
        assert_type(server, Emulator[LakeFS])
        assert_type(server.connect(clock=NoWaiting()), IdentityClient[LakeFS])
    assert_type(identity_server("argus", seed={"users": [{"id": "ada"}]}).connect(), IdentityClient[Argus])
    assert_type(embedded(deadline=1.0), IdentityClient[Local])


def telemetry() -> None:
    told: Telemetry = OpenTelemetry(record_ids=True)
    idp = connect("local", telemetry=told)
    assert_type(idp.with_options(telemetry=None), IdentityClient[Local])
