"""What the options say: origins, whom to trust, proxies, names of transports."""

from __future__ import annotations

import base64
import contextlib
import importlib
import socket
import ssl
import sys
import threading

import anyio
import pytest

from identity_sdk.errors import ConfigurationError, NotSentError, TransportError
from identity_sdk.transport._network import origin_of, proxy_for
from identity_sdk.transport.base import TransportOptions, make_transport
from identity_sdk.wire.request import Request

NAMES = ["httpx", "httpx2", "aiohttp"]


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("http://Host.Example/api/v1", "http://host.example", "host.example"),
        ("http://h:80", "http://h", "h"),
        ("https://h:443/", "https://h", "h"),
        ("https://h:80/", "https://h:80", "h:80"),
        ("http://[::1]:8000/x", "http://[::1]:8000", "[::1]:8000"),
        ("https://bücher.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_origins(url, origin, authority):
    assert str(origin_of(url)) == origin
    assert origin_of(url).authority == authority


@pytest.mark.parametrize(
    "url", ["", "host/path", "ftp://h", "http://", "http://h:port", "http://h:99999", "http://[::1"]
)
@pytest.mark.parametrize("name", NAMES)
def test_base_urls_that_make_no_sense(name, url):
    with pytest.raises(ConfigurationError, match="base_url"):
        make_transport(name, TransportOptions(url))


@pytest.mark.parametrize("name", NAMES)
class TestTrust:
    def test_a_path_that_does_not_exist(self, name, tmp_path):
        with pytest.raises(ConfigurationError, match=r"tls='.*missing.pem' cannot be read"):
            make_transport(name, TransportOptions("https://h", tls=str(tmp_path / "missing.pem")))

    def test_a_file_without_a_certificate(self, name, tmp_path):
        (tmp_path / "no.pem").write_text("no certificate")
        with pytest.raises(ConfigurationError, match="holds no certificate"):
            make_transport(name, TransportOptions("https://h", tls=str(tmp_path / "no.pem")))

    def test_a_folder_without_a_certificate(self, name, tmp_path):
        with pytest.raises(ConfigurationError, match="holds no CA certificate"):
            make_transport(name, TransportOptions("https://h", tls=str(tmp_path)))

    def test_verification_cannot_be_switched_off(self, name):
        context = ssl.create_default_context()
        context.check_hostname = False
        with pytest.raises(ConfigurationError, match="does not verify"):
            make_transport(name, TransportOptions("https://h", tls=context))
        context.verify_mode = ssl.CERT_NONE
        with pytest.raises(ConfigurationError, match="does not verify"):
            make_transport(name, TransportOptions("https://h", tls=context))

    @pytest.mark.parametrize("tls", ["default", "system"])
    def test_the_default_contexts_verify(self, name, tls, monkeypatch):
        """Of the library and of the system; what they do is shown on sockets elsewhere."""
        module = importlib.import_module(f"identity_sdk.transport.{name}")
        made = []
        real = module.ssl_context_for
        monkeypatch.setattr(module, "ssl_context_for", lambda *given: made.append(real(*given)) or made[-1])
        make_transport(name, TransportOptions("https://h", tls=tls, proxy=""))
        assert made[0].verify_mode == ssl.CERT_REQUIRED
        assert made[0].check_hostname


def test_unknown_names():
    with pytest.raises(ConfigurationError, match="'httpx', 'httpx2' or 'aiohttp'"):
        make_transport("requests", TransportOptions("http://h"))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["httpx2", "aiohttp"])
def test_a_missing_extra_is_told_with_the_pip_line(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"identity_sdk.transport.{name}", raising=False)
    with pytest.raises(ConfigurationError, match=rf"pip install 'unified-identity-sdk\[{name}\]'"):
        make_transport(name, TransportOptions("http://h"))


def test_an_old_aiohttp_is_told(monkeypatch):
    monkeypatch.setattr("aiohttp.__version__", "3.10.11")
    with pytest.raises(ConfigurationError, match=r"aiohttp 3\.11 or later"):
        make_transport("aiohttp", TransportOptions("http://h"))


def test_aiohttp_on_trio_is_told():
    async def main() -> None:
        transport = make_transport("aiohttp", TransportOptions("http://h"))
        with pytest.raises(ConfigurationError, match="asyncio only"):
            await transport.send(Request("GET", "/"), timeout=1)
        await transport.aclose()

    anyio.run(main, backend="trio")


# --------------------------------------------------------------------------------------------------------- proxies


@pytest.fixture
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://h", {}, None),
        ("https://h", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://h", {"https_proxy": "p:1"}, "http://p:1"),
        ("https://h", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://h", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("http://h", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("http://h", {"ALL_PROXY": "http://p:1", "HTTP_PROXY": "http://q:1"}, "http://q:1"),
        ("https://h.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example"}, None),
        ("https://h.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a,.example"}, None),
        ("https://h.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ("https://h.example:8443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "h.example:8443"}, None),
        ("https://h.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other"}, "http://p:1"),
    ],
)
def test_proxies_of_the_environment(no_proxies, monkeypatch, url, environment, proxy):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(TransportOptions(url)) == proxy
    assert proxy_for(TransportOptions(url, proxy="")) is None
    assert proxy_for(TransportOptions(url, proxy="http://mine:2")) == "http://mine:2"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("proxy", ["ftp://p", "http://p:port", "socks5://user:canary@p:1080"])
def test_proxies_that_make_no_sense(name, proxy):
    with pytest.raises(ConfigurationError, match="proxy=") as caught:
        make_transport(name, TransportOptions("https://h", proxy=proxy))
    assert "canary" not in str(caught.value)


class Proxy:
    """Forwards ``GET http://…`` and tunnels ``CONNECT``; notes what it was asked."""

    def __init__(self, refuse: bytes = b"") -> None:
        self.refuse = refuse
        self.asked: list[bytes] = []

    def __call__(self, conversation, request):
        self.asked.append(request)
        method, target, _ = request.split(b" ", 2)
        if self.refuse:
            conversation.send(b"HTTP/1.1 %b No\r\nContent-Length: 0\r\n\r\n" % self.refuse)
        elif method == b"CONNECT":
            host, _, port = target.partition(b":")
            with socket.create_connection((host.decode(), int(port))) as upstream:
                conversation.send(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=self.pump, args=(upstream, conversation.socket), daemon=True)
                back.start()
                self.pump(conversation.socket, upstream)
                back.join(5)
        else:
            conversation.answer(b"forwarded")

    @staticmethod
    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@pytest.mark.anyio
class TestProxies:
    async def test_plain_http_is_forwarded_with_the_raw_target(self, opened, serve):
        proxy = Proxy()
        server = serve(proxy)
        async with opened(
            "http://far.example:81", proxy=f"http://me:pass@127.0.0.1:{server.port}"
        ) as transport:
            answer = await transport.send(
                Request("GET", "/a%2Fb/../c?x=%25", {"Authorization": "x"}), timeout=5
            )
        assert answer.body == b"forwarded"
        assert proxy.asked[0].startswith(b"GET http://far.example:81/a%2Fb/../c?x=%25 HTTP/1.1\r\n")
        assert b"Host: far.example:81" in proxy.asked[0]
        assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:pass") in proxy.asked[0]

    async def test_https_goes_through_a_tunnel(self, opened, serve, authority):
        proxy = Proxy()
        proxy_server, server = serve(proxy), serve(context=authority.context)
        options = {"proxy": f"http://127.0.0.1:{proxy_server.port}", "tls": authority.trusting}
        async with opened(server.url, **options) as transport:
            for _ in range(2):
                answer = await transport.send(
                    Request("GET", "/a%2Fb/../c?x=%25", {"X-Secret": "canary"}), timeout=5
                )
                assert answer.status == 200
        assert len(proxy.asked) == 1
        assert proxy.asked[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % server.port)
        assert b"canary" not in proxy.asked[0]
        assert server.requests[0].startswith(b"GET /a%2Fb/../c?x=%25 HTTP/1.1\r\n")

    @pytest.mark.parametrize(
        ("status", "kind", "retryable"), [(b"407", TransportError, False), (b"502", NotSentError, True)]
    )
    async def test_a_proxy_that_refuses(self, opened, serve, authority, status, kind, retryable):
        server = serve(Proxy(status))
        async with opened(
            "https://far.example", proxy=f"http://me:canary@127.0.0.1:{server.port}", tls=authority.trusting
        ) as transport:
            with pytest.raises(TransportError, match=rf"proxy refused .*{status.decode()}") as caught:
                await transport.send(Request("GET", "/"), timeout=5)
        assert type(caught.value) is kind
        assert caught.value.retryable is retryable
        assert "canary" not in str(caught.value)

    async def test_a_proxy_that_is_not_there(self, opened, unused_url, authority):
        async with opened("https://far.example", proxy=unused_url, tls=authority.trusting) as transport:
            with pytest.raises(NotSentError, match="refused"):
                await transport.send(Request("GET", "/"), timeout=5)

    async def test_a_tunnel_to_an_untrusted_server(self, opened, serve, authority):
        proxy, server = serve(Proxy()), serve(context=authority.context)
        async with opened(server.url, proxy=f"http://127.0.0.1:{proxy.port}") as transport:
            with pytest.raises(TransportError, match="authority that is not trusted"):
                await transport.send(Request("GET", "/"), timeout=5)
        assert server.requests == []

    async def test_a_proxy_that_does_not_answer(self, opened, serve, authority):
        server = serve(lambda c, _: c.read_request())
        async with opened(
            "https://far.example", proxy=f"http://127.0.0.1:{server.port}", tls=authority.trusting
        ) as transport:
            with pytest.raises(NotSentError):
                await transport.send(Request("POST", "/"), timeout=0.05)
