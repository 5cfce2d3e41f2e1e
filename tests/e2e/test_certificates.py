"""Whole steps behind a proxy whose certificate has an authority of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli.terminal import Terminal
from tests.emulator import Emulator
from tests.https_proxy import HttpsProxy, certificate

HOST = "mogplex.example"
STEP = ("action", "--repo", "acme/web", "--prompt", "Fix it", "--timeout", "20s")


@pytest.mark.parametrize(
    ("bundle", "content", "code", "told"),
    [
        pytest.param("", None, 69, "set REQUESTS_CA_BUNDLE", id="none"),
        pytest.param("missing.pem", None, 69, "Check REQUESTS_CA_BUNDLE", id="missing"),
        pytest.param("empty.pem", "hello\n", 69, "Check REQUESTS_CA_BUNDLE", id="no certificate"),
        pytest.param("public.pem", None, 0, "Run succeeded", id="right"),
    ],
)
def test_an_authority_of_ones_own(
    tmp_path: Path, bundle: str, content: str | None, code: int, told: str
) -> None:
    public = certificate(tmp_path, HOST)
    if content:
        (tmp_path / bundle).write_text(content)
    terminal = Terminal(tmp_path)
    with (
        Emulator("success", speed=50) as emulator,
        HttpsProxy(emulator.url, public).serving() as proxy,
    ):
        terminal.against(emulator).env |= {
            "MOGPLEX_URL": f"https://{HOST}",
            "HTTPS_PROXY": f"http://ada:hunter2@127.0.0.1:{proxy.server_port}",
        }
        terminal.env |= {"REQUESTS_CA_BUNDLE": str(tmp_path / bundle)} if bundle else {}
        ended = terminal.mogplex(*STEP)
    assert (ended.code, told in ended.out) == (code, True), ended.out
    assert "hunter2" not in ended.out
    assert "Trying again" not in ended.out, "a certificate does not get better"
