"""Whether a server can be reached: one quick connection, proxies, what is remembered, and caches behind a wall."""

import http.server
import socket
import threading
import time

import pytest
import torch
import torchvision

from ultralytics.nn.Addmodules import BackboneError, weights
from ultralytics.nn.Addmodules._policy import network as _network
from ultralytics.utils import downloads

try:
    import timm
except ImportError:
    timm = None

needs_timm = pytest.mark.skipif(timm is None, reason="timm is not installed")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _open(monkeypatch):
    """Forget what is known, and let no variable of the environment count."""
    monkeypatch.setattr(_network, "_known", {})
    monkeypatch.delenv("YOLO_OFFLINE")
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def connects(monkeypatch):
    """Count the connections, whose outcome ``connects.outcome`` is; their addresses in order."""

    class Connects(list):
        outcome = ""

        def __call__(self, host, port):
            self.append((host, port))
            return self.outcome

    calls = Connects()
    monkeypatch.setattr(_network, "_connect", calls)
    return calls


@pytest.fixture
def server():
    """Run a web server on this machine: its address; ``server.answers`` are the statuses to give, then 200."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            running.asked.append(self.path)
            self.send_response(running.answers.pop(0) if running.answers else 200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"file")

        do_HEAD = do_GET

        def log_message(self, *arguments):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.asked, running.answers = [], []
    running.url = f"http://127.0.0.1:{running.server_port}"
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def unused_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_a_server_that_listens_can_be_reached_and_one_that_does_not_is_refused(server):
    _network.reach(f"{server.url}/a/file.bin", "file.bin")
    assert server.asked == [], "a connection is enough"
    with pytest.raises(
        _network.Unreachable, match=r"file\.bin is not here, and 127\.0\.0\.1 cannot be reached \(.*refused"
    ):
        _network.reach(f"http://127.0.0.1:{unused_port()}/file.bin", "file.bin")


def test_a_wall_is_found_out_within_the_limit(monkeypatch):
    monkeypatch.setattr(_network, "LIMIT", 0.3)
    gate = threading.Event()
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: gate.wait(20))
    start = time.monotonic()
    assert _network.obstacle("http://192.0.2.1/x") == "no answer within 0.3 s"
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [gate.wait(20)][:0])
    assert _network.obstacle("http://name.invalid/x") == "no answer within 0.3 s"
    assert time.monotonic() - start < 5
    gate.set()


def test_names_that_cannot_be_looked_up(monkeypatch):
    def unknown(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert _network.obstacle("https://name.invalid/x") == "Name or service not known"
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [])
    assert _network.obstacle("https://other.invalid/x").startswith("no answer")


def test_one_address_of_several_is_enough(server, monkeypatch):
    """One that leads nowhere or is refused stands before one that works, or behind it."""
    monkeypatch.setattr(_network, "LIMIT", 1.0)
    real = socket.socket.connect

    def connect(self, address):
        if address[0] == "192.0.2.1":
            time.sleep(self.gettimeout())
            raise socket.timeout("timed out")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    works, dead = (*kind, ("127.0.0.1", server.server_port)), (*kind, ("192.0.2.1", 443))
    refused = (*kind, ("127.0.0.1", unused_port()))
    for n, addresses in enumerate(([dead, works], [refused, works], [works, refused])):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, found=addresses, **k: found)
        start = time.monotonic()
        assert _network.obstacle(f"https://host{n}.invalid/x") == ""
        assert time.monotonic() - start < 2


def test_what_is_known_of_a_host_is_remembered(connects, monkeypatch):
    for path in "ab":
        assert _network.obstacle(f"https://host.invalid/{path}") == ""
    assert connects == [("host.invalid", 443)]
    assert _network.obstacle("http://host.invalid/a") == ""
    assert _network.obstacle("https://host.invalid:8443/a") == ""
    assert connects[1:] == [("host.invalid", 80), ("host.invalid", 8443)]
    connects.outcome = "no"
    for path in "ab":
        assert _network.obstacle(f"https://other.invalid/{path}") == "no"
    assert len(connects) == 4
    monkeypatch.setattr(_network, "AGAIN", -1.0)  # a while later
    connects.outcome = ""
    assert _network.obstacle("https://other.invalid/a") == ""
    assert _network.obstacle("https://other.invalid/a") == ""
    assert len(connects) == 5


def test_yolo_offline_asks_nobody(connects, monkeypatch, tmp_path):
    monkeypatch.setenv("YOLO_OFFLINE", "True")
    with pytest.raises(_network.Unreachable, match=r"\(YOLO_OFFLINE is set\)"):
        _network.reach("https://host.invalid/file.bin", tmp_path / "file.bin")
    assert connects == []


@pytest.mark.parametrize(
    ("variables", "url", "door"),
    [
        ({"https_proxy": "http://gate.invalid:3128"}, "https://host.invalid/x", ("gate.invalid", 3128)),
        ({"https_proxy": "http://gate.invalid:3128"}, "http://host.invalid/x", ("host.invalid", 80)),
        ({"HTTPS_PROXY": "gate.invalid:3128"}, "https://host.invalid/x", ("gate.invalid", 3128)),
        ({"https_proxy": "http://me:secret@gate.invalid"}, "https://host.invalid/x", ("gate.invalid", 80)),
        ({"all_proxy": "socks5h://gate.invalid"}, "https://host.invalid/x", ("gate.invalid", 1080)),
        ({"https_proxy": "http://g:1", "no_proxy": "host.invalid"}, "https://host.invalid/x", ("host.invalid", 443)),
    ],
)
def test_where_a_proxy_leads_to_the_server_the_proxy_is_asked(variables, url, door, connects, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    connects.outcome = "refused"
    reason = _network.obstacle(url)
    assert connects == [door]
    assert reason == ("refused" if door[0] == "host.invalid" else f"the proxy {door[0]}:{door[1]}: refused")
    assert "secret" not in reason


def test_a_file_that_is_there_and_other_kinds_of_address_need_no_server(connects, tmp_path):
    connects.outcome = "no"
    (tmp_path / "file.bin").write_bytes(b"x")
    _network.reach("https://host.invalid/file.bin", tmp_path / "file.bin")
    for url in ("ftp://host.invalid/file.bin", "file:///file.bin", "file.bin", "http://host.invalid:x/file.bin"):
        _network.reach(url, tmp_path / "no.bin")
    assert connects == []
    assert downloads.safe_download("https://host.invalid/file.bin", dir=tmp_path, unzip=False) == tmp_path / "file.bin"


def test_the_message_names_no_secret_of_the_address(connects, tmp_path):
    connects.outcome = "no"
    with pytest.raises(_network.Unreachable) as caught:
        downloads.safe_download("https://host.invalid/a/file.zip?token=secret", dir=tmp_path)
    assert str(caught.value) == (
        f"file.zip is not here, and host.invalid cannot be reached (no): fetch https://host.invalid/a/file.zip "
        f"elsewhere and put it at {tmp_path / 'file.zip'}"
    )


def test_a_server_that_can_be_reached_is_used_as_before(server, monkeypatch, tmp_path):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(downloads, "is_online", lambda: True)  # asked when the first attempt has failed
    assert downloads.is_url(f"{server.url}/file.bin", check=True)
    server.answers = [404]
    assert not downloads.is_url(f"{server.url}/file.bin", check=True)
    server.answers = [503, 503]
    path = downloads.safe_download(f"{server.url}/file.bin", dir=tmp_path)
    assert (path.read_bytes(), waits) == (b"file", [5, 10])
    server.answers = [404]
    with pytest.raises(ConnectionError, match="404"):
        downloads.safe_download(f"{server.url}/gone.bin", dir=tmp_path)
    assert waits == [5, 10]


def test_torchvisions_cache_serves_behind_a_wall(connects, monkeypatch, tmp_path):
    connects.outcome = "no"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = torchvision.models.get_model_weights("squeezenet1_1").DEFAULT.url.rpartition("/")[2]
    with pytest.raises(BackboneError, match=rf"torchvision could not be fetched: {name} is not here.*\n  to do: fetch"):
        weights.fetch("torchvision:squeezenet1_1", "Some")
    network = torchvision.models.squeezenet1_1()
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(network.state_dict(), tmp_path / "hub" / "checkpoints" / name)
    found = weights.fetch("torchvision:squeezenet1_1", "Some")
    assert all(torch.equal(found[key], value) for key, value in network.state_dict().items())


@needs_timm
def test_the_hubs_cache_serves_behind_a_wall(connects, monkeypatch, tmp_path):
    from huggingface_hub import constants
    from safetensors.torch import save_file

    from ultralytics.nn.Addmodules.timm_wrapper import Timm

    name = "resnet10t.c3_in1k"
    connects.outcome = "no"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for build in (lambda: weights.fetch(f"timm:{name}", "Some"), lambda: Timm(name, True)):
        start = time.monotonic()
        with pytest.raises(BackboneError, match=r"could not be fetched: .*\n  to do: HF_ENDPOINT"):
            build()
        assert time.monotonic() - start < 20
        assert constants.HF_HUB_OFFLINE is False, "as it was"
    snapshot = tmp_path / f"models--timm--{name}" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc", encoding="utf-8")
    network = timm.create_model("resnet10t")
    save_file(network.state_dict(), snapshot / "model.safetensors")
    found = weights.fetch(f"timm:{name}", "Some")
    assert all(torch.equal(found[key], value) for key, value in network.state_dict().items())
    assert Timm(name, True).pretrained_report.missed == []


@needs_timm
def test_the_hub_is_used_as_before_where_it_can_be_reached(connects, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "https://mirror.invalid")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with _network.published("timm", "resnet10t.c3_in1k"):
        assert constants.HF_HUB_OFFLINE is False
    assert connects == [("mirror.invalid", 443)], "the mirror is asked, not the hub"
    connects.outcome = "no"
    monkeypatch.setattr(_network, "_known", {})
    with _network.published("timm", "resnet10t.c3_in1k"):
        assert constants.HF_HUB_OFFLINE is True
    assert constants.HF_HUB_OFFLINE is False
