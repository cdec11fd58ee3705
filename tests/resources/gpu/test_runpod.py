"""RunPod against its double: what every reply means, what is sent, and how a pod ends itself."""

import logging
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doubles.pods import FakePod, Pace, Phase
from doubles.processes import is_alive, wait_until
from doubles.runpod import RunPodDouble, running_runpod
from doubles.servers import (
    Fault,
    Reply,
    cloudflare,
    drop,
    fine,
    hang,
    status,
    text,
)
from doubles.sshd import needs_sshd

from resources.gpu.clouds.base import (
    IDLE_FILE,
    IDLE_MINUTES,
    AmbiguousCreateError,
    Cloud,
    CloudBalanceError,
    CloudBusyError,
    CloudError,
    CloudKeyError,
    CloudUnavailableError,
    GpuRequest,
    NoCapacityError,
    Offer,
    Pod,
    PodRequest,
    PodStatus,
)
from resources.gpu.clouds.http import RetryPolicy
from resources.gpu.clouds.runpod import RESTART_SLACK_SECONDS, RunPod, RunPodSettings, deadman_args
from resources.gpu.pod_names import PodName, parse_name

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx7hQ2Nq1W9kq9h1C2yJm5bYw5T1QXo3mT8r0cF3n4k me"
RTX_4090 = "NVIDIA GeForce RTX 4090"
L40S = "NVIDIA L40S"
GPU_REQUEST = GpuRequest((RTX_4090, L40S), max_usd_per_hour=1.0)
DEADMAN = "resources.gpu.clouds.runpod.deadman_args"
REQUEST = PodRequest(
    name=str(PodName("0badcafe", "00c0ffee", int(time.time()), 3600)),
    offer=Offer(RTX_4090, "EU-RO-1", "secure", 0.69),
    public_key=PUBLIC_KEY,
    ttl_seconds=3600,
)
HASTY = RetryPolicy(attempts=3, backoff_seconds=0.01, timeout_seconds=0.5, longest_wait=3.0)
SERVER_ERRORS = (408, 500, 502, 503, 504, 520, 524)


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunPodDouble]:
    with running_runpod(tmp_path / "runpod") as double:
        monkeypatch.setenv("RUNPOD_API_KEY", double.key)
        monkeypatch.setattr("resources.gpu.clouds.runpod.LOG_SECONDS", 0.5)
        yield double
        # Whatever a test is about: all that was said had the published shape.
        assert double.violations == []


@pytest.fixture
def settings(double: RunPodDouble) -> RunPodSettings:
    return RunPodSettings(base_url=double.url, retries=HASTY)


@pytest.fixture
def cloud(settings: RunPodSettings) -> Cloud:
    return RunPod(settings)


def in_phase(double: RunPodDouble, phase: Phase) -> FakePod:
    pod = double.newest()
    wait_until(lambda: pod.phase is phase)
    return pod


def answering(double: RunPodDouble, cloud: Cloud, **changes: Any) -> Reply:
    """What the API says of a pod, with changes."""
    cloud.create(REQUEST)
    return Reply(200, {**double._shown(double.newest()), **changes})


# What is asked for


def test_a_pod_is_asked_for_with_all_that_the_api_needs(double: RunPodDouble, cloud: Cloud) -> None:
    pod = cloud.create(REQUEST)

    (body,) = double.created
    assert body["name"] == REQUEST.name
    assert body["gpu"] == {"id": RTX_4090, "count": 1, "minCudaVersion": "12.8"}
    assert body["cloud"] == "SECURE"
    assert body["dataCenterIds"] == ["EU-RO-1"]
    assert body["ports"] == ["22/tcp"]
    assert body["env"] == {"PUBLIC_KEY": PUBLIC_KEY}
    name = parse_name(REQUEST.name)
    assert name is not None
    latest = name.expires + RESTART_SLACK_SECONDS
    assert body["args"] == deadman_args(3600, double.url, latest)
    assert (pod.name, pod.status, pod.ssh) == (REQUEST.name, PodStatus.STARTING, None)
    assert pod.id == double.newest().id


def test_without_a_place_the_cloud_chooses(double: RunPodDouble, cloud: Cloud) -> None:
    cloud.create(replace(REQUEST, offer=Offer(RTX_4090, "", "community", 0.34)))

    (body,) = double.created
    assert body["cloud"] == "COMMUNITY"
    assert "dataCenterIds" not in body


def test_the_price_is_the_one_of_the_pod_and_not_of_the_catalogue(
    double: RunPodDouble, cloud: Cloud
) -> None:
    double.cost_factor = 2.0

    assert cloud.create(REQUEST).usd_per_hour == pytest.approx(1.38)


def test_a_pod_that_has_no_time_is_not_asked_for(double: RunPodDouble, cloud: Cloud) -> None:
    with pytest.raises(CloudError):
        cloud.create(replace(REQUEST, ttl_seconds=0))

    assert double.requests == []


# The error table: creation


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(400, "There are no longer any instances available"), NoCapacityError),
        (status(400, "This machine does not have the resources"), NoCapacityError),
        (status(403, "You may not use this pool"), NoCapacityError),
        (status(401, "bad token"), CloudKeyError),
        (status(402, "less than one hour of credit"), CloudBalanceError),
        (status(404, "no such template"), CloudError),
        (status(409, "conflict"), CloudError),
        (status(422, "name is required"), CloudError),
        (cloudflare(), CloudError),
    ],
)
def test_a_refused_creation_is_not_repeated_and_nothing_exists(
    double: RunPodDouble, cloud: Cloud, fault: Fault, error: type[CloudError]
) -> None:
    double.script("create", fault)

    with pytest.raises(CloudError) as caught:
        cloud.create(REQUEST)

    assert type(caught.value) is error
    assert double.requests == ["create"]
    assert double.alive == []


def test_a_refusal_quotes_what_the_cloud_says(double: RunPodDouble, cloud: Cloud) -> None:
    double.refusals = 1
    with pytest.raises(NoCapacityError, match="no longer any instances available"):
        cloud.create(REQUEST)

    wrong = {"title": "x", "status": 422, "detail": "Invalid", "errors": ["gpu.id: unknown"]}
    double.script("create", Fault(Reply(422, wrong, "application/problem+json")))
    with pytest.raises(CloudError, match=r"Invalid gpu\.id: unknown") as caught:
        cloud.create(REQUEST)
    assert "report" in caught.value.fix


def test_being_turned_away_before_the_api_is_not_taken_for_a_bad_key(
    double: RunPodDouble, cloud: Cloud
) -> None:
    double.always("list", cloudflare())

    with pytest.raises(CloudError, match="1010") as caught:
        cloud.pods()

    assert not isinstance(caught.value, CloudKeyError)
    assert "not about your API key" in caught.value.fix


@pytest.mark.parametrize("code", SERVER_ERRORS)
def test_an_error_of_the_server_leaves_open_whether_the_pod_exists(
    double: RunPodDouble, cloud: Cloud, code: int
) -> None:
    double.script("create", status(code, after=True))

    with pytest.raises(AmbiguousCreateError):
        cloud.create(REQUEST)

    assert double.count("create") == 1
    assert [pod.name for pod in cloud.pods()] == [REQUEST.name]


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("loss", ["drop", "hang", "garbage", "list", "empty"])
def test_a_lost_or_spoilt_reply_leaves_open_whether_the_pod_exists(
    double: RunPodDouble, cloud: Cloud, loss: str, happened: bool
) -> None:
    faults = {
        "drop": drop(after=happened),
        "hang": hang(0.8, after=happened),
        "garbage": text(201, "<html>", "text/html", after=happened),
        "list": text(201, "[]", "application/json", after=happened),
        "empty": text(201, "{}", "application/json", after=happened),
    }
    double.script("create", faults[loss])

    with pytest.raises(AmbiguousCreateError):
        cloud.create(REQUEST)

    assert double.count("create") == 1
    assert len(cloud.pods()) == int(happened)


def test_a_creation_that_was_never_sent_is_not_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "secret")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    cloud = RunPod(RunPodSettings(base_url=f"http://127.0.0.1:{port}/v2", retries=HASTY))

    with pytest.raises(CloudUnavailableError):
        cloud.create(REQUEST)


def test_too_many_requests_are_waited_out_for_the_same_candidate(
    double: RunPodDouble, cloud: Cloud
) -> None:
    double.script("create", status(429, Retry_After=1))
    begin = time.monotonic()

    cloud.create(REQUEST)

    assert time.monotonic() - begin >= 1.0
    assert double.count("create") == 2
    assert len(double.alive) == 1


def test_too_many_requests_for_too_long_end_in_an_error(double: RunPodDouble, cloud: Cloud) -> None:
    double.always("create", status(429, Retry_After=3600))
    begin = time.monotonic()

    with pytest.raises(CloudBusyError):
        cloud.create(REQUEST)
    with pytest.raises(CloudBusyError, match="accepts none for"):
        cloud.pods()

    assert time.monotonic() - begin < 60
    assert double.requests == ["create"]
    assert double.alive == []


# The error table: everything that may be repeated


@pytest.mark.parametrize(
    "fault", [drop(), hang(0.8), status(500), status(503), status(429, Retry_After=0)]
)
@pytest.mark.parametrize("operation", ["list", "get", "delete"])
def test_what_changes_nothing_when_repeated_is_repeated(
    double: RunPodDouble, cloud: Cloud, fault: Fault, operation: str
) -> None:
    pod = cloud.create(REQUEST)
    double.script(operation, fault, status(502))

    {
        "list": cloud.pods,
        "get": lambda: cloud.get(pod.id),
        "delete": lambda: cloud.terminate(pod.id),
    }[operation]()

    assert double.count(operation) == 3


@pytest.mark.parametrize("operation", ["list", "get", "delete", "catalog"])
def test_repeating_has_an_end(double: RunPodDouble, cloud: Cloud, operation: str) -> None:
    pod = cloud.create(REQUEST)
    double.always(operation, status(503))

    with pytest.raises(CloudUnavailableError):
        {
            "list": cloud.pods,
            "get": lambda: cloud.get(pod.id),
            "delete": lambda: cloud.terminate(pod.id),
            "catalog": lambda: cloud.offers(GPU_REQUEST),
        }[operation]()

    assert double.count(operation) == HASTY.attempts


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(401), CloudKeyError),
        (status(403), CloudKeyError),
        (status(402), CloudBalanceError),
        (status(422), CloudError),
        (status(301), CloudError),
    ],
)
def test_what_repeating_does_not_mend_is_not_repeated(
    double: RunPodDouble, cloud: Cloud, fault: Fault, error: type[CloudError]
) -> None:
    double.always("list", fault)

    with pytest.raises(CloudError) as caught:
        cloud.pods()

    assert type(caught.value) is error
    assert double.count("list") == 1


def test_a_used_up_quota_is_respected_before_it_is_overdrawn(
    double: RunPodDouble, cloud: Cloud
) -> None:
    used_up = {"RateLimit": '"minute";r=0;t=1, "hour";r=2800;t=1812'}
    double.script("list", Fault(Reply(200, {"pods": []}, headers=used_up)))
    cloud.pods()
    begin = time.monotonic()

    # Another client of the same process shares the quota.
    RunPod(RunPodSettings(base_url=double.url, retries=HASTY)).pods()

    assert time.monotonic() - begin >= 0.9


# Looking at pods


def test_a_new_pod_may_be_unknown_for_a_while(double: RunPodDouble, cloud: Cloud) -> None:
    double.get_lag = 2
    pod = cloud.create(REQUEST)

    assert [cloud.get(pod.id) is None for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("PROVISIONING", PodStatus.STARTING),
        ("STARTING", PodStatus.STARTING),
        ("RUNNING", PodStatus.RUNNING),
        ("EXITED", PodStatus.STOPPED),
        ("ERROR", PodStatus.FAILED),
        ("TERMINATED", PodStatus.ENDED),
        ("MIGRATING", PodStatus.STARTING),
    ],
)
def test_every_status_has_a_meaning(
    double: RunPodDouble, cloud: Cloud, word: str, meaning: PodStatus
) -> None:
    double.script("get", Fault(answering(double, cloud, status=word)))

    pod = cloud.get(double.newest().id)

    assert pod is not None
    assert pod.status is meaning


def test_a_price_of_nothing_is_no_price(double: RunPodDouble, cloud: Cloud) -> None:
    double.script("get", Fault(answering(double, cloud, cost=0.0)))

    pod = cloud.get(double.newest().id)

    assert pod is not None
    assert pod.usd_per_hour is None


@needs_sshd
def test_a_running_pod_tells_its_address_and_its_host_key(
    double: RunPodDouble, cloud: Cloud
) -> None:
    pod_id = cloud.create(REQUEST).id
    fake = in_phase(double, Phase.RUNNING)

    pod = cloud.get(pod_id)

    assert pod is not None
    assert pod.ssh is not None
    assert fake.machine is not None
    assert (pod.ssh.host, pod.ssh.port) == (fake.machine.host, fake.machine.port)
    assert cloud.host_key_fingerprints(pod_id) == (fake.machine.fingerprint,)


@needs_sshd
def test_a_changed_host_key_is_not_the_one_that_the_log_tells(
    double: RunPodDouble, cloud: Cloud
) -> None:
    pod_id = cloud.create(REQUEST).id
    fake = in_phase(double, Phase.RUNNING)
    fake.swap_host_key()

    assert fake.machine is not None
    assert fake.machine.fingerprint not in cloud.host_key_fingerprints(pod_id)


@needs_sshd
def test_a_pod_that_cannot_be_reached_directly_has_no_address(
    double: RunPodDouble, cloud: Cloud
) -> None:
    double.direct_ssh = False
    pod_id = cloud.create(REQUEST).id
    in_phase(double, Phase.RUNNING)

    pod = cloud.get(pod_id)

    assert pod is not None
    assert (pod.status, pod.ssh) == (PodStatus.RUNNING, None)


def test_no_host_key_is_known_before_the_container_has_made_one(
    double: RunPodDouble, cloud: Cloud
) -> None:
    double.pace = Pace(provisioning=60)
    pod = cloud.create(REQUEST)

    assert cloud.host_key_fingerprints(pod.id) == ()
    assert cloud.host_key_fingerprints("unknown") == ()


def test_only_what_ssh_keygen_prints_counts_as_a_host_key(
    double: RunPodDouble, cloud: Cloud
) -> None:
    pod = cloud.create(REQUEST)
    digest = "SHA256:" + "a" * 43
    lines = [
        f"training says {digest} (ED25519)",
        f"256 {digest} root@x (ED25519) and more",
        "256 SHA256:short root@x (ED25519)",
        f"3072 {'SHA256:' + 'b' * 43} no comment (RSA)",
    ]
    events = "".join(f'data: {{"source": "container", "line": "{line}"}}\n\n' for line in lines)
    double.script("logs", text(200, "data: spoilt\n\n" + events, "text/event-stream"))

    assert cloud.host_key_fingerprints(pod.id) == ("SHA256:" + "b" * 43,)


def test_a_log_that_may_not_be_read_is_an_error(double: RunPodDouble, cloud: Cloud) -> None:
    double.script("logs", status(401), drop())

    with pytest.raises(CloudKeyError):
        cloud.host_key_fingerprints("x")
    with pytest.raises(CloudUnavailableError):
        cloud.host_key_fingerprints("x")


def test_an_id_that_would_lead_elsewhere_is_not_asked_for(
    double: RunPodDouble, cloud: Cloud
) -> None:
    for look in (cloud.get, cloud.terminate, cloud.host_key_fingerprints):
        with pytest.raises(CloudError, match="not the id"):
            look("../account/ssh-keys")
    assert double.requests == []


# The list


def test_the_list_has_foreign_pods_too(double: RunPodDouble, cloud: Cloud) -> None:
    double.add_foreign("my-notebook")
    cloud.create(REQUEST)

    assert [pod.name for pod in cloud.pods()] == ["my-notebook", REQUEST.name]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"pods": None},
        {"pods": [{"id": "", "name": "x", "status": "RUNNING"}]},
        {"pods": [{"id": "x", "status": "RUNNING"}]},
        {"pods": [{"id": "x", "name": "x"}]},
    ],
)
def test_a_list_that_cannot_be_read_whole_is_no_list(
    double: RunPodDouble, cloud: Cloud, body: object
) -> None:
    double.script("list", Fault(Reply(200, body)))

    with pytest.raises(CloudError, match="not what its API promises"):
        cloud.pods()


def test_a_detail_that_cannot_be_read_spoils_no_list(double: RunPodDouble, cloud: Cloud) -> None:
    odd = {
        "id": "x",
        "name": "my-notebook",
        "status": "HIBERNATING",
        "cost": {"gpu": 1},
        "ssh": {"direct": {"host": None, "port": "soon"}},
    }
    double.script("list", Fault(Reply(200, {"pods": [odd]})))

    (pod,) = cloud.pods()

    assert pod == Pod("x", "my-notebook", PodStatus.STARTING, None, None)


@pytest.mark.parametrize(
    "pagination",
    [
        {"nextCursor": "abc", "hasNextPage": True},
        {"nextCursor": None, "hasNextPage": True},
        {"nextCursor": "abc"},
    ],
)
def test_a_list_that_goes_on_is_an_error(
    double: RunPodDouble, cloud: Cloud, pagination: dict[str, Any]
) -> None:
    double.script("list", Fault(Reply(200, {"pods": [], "pagination": pagination})))

    with pytest.raises(CloudError, match="incomplete"):
        cloud.pods()


# The end of a pod


def test_a_pod_is_ended(double: RunPodDouble, cloud: Cloud) -> None:
    pod = cloud.create(REQUEST)

    cloud.terminate(pod.id)

    assert double.alive == []
    assert cloud.get(pod.id) is None
    cloud.terminate(pod.id)
    cloud.clean_up(REQUEST.name)


def test_an_ended_pod_may_be_shown_as_such(double: RunPodDouble, cloud: Cloud) -> None:
    double.shows_terminated = True
    pod = cloud.create(REQUEST)
    cloud.terminate(pod.id)

    shown = cloud.get(pod.id)

    assert shown is not None
    assert shown.status is PodStatus.ENDED


def test_an_end_that_is_not_known_yet_is_no_error_and_no_proof(
    double: RunPodDouble, cloud: Cloud
) -> None:
    double.get_lag = 1
    pod = cloud.create(REQUEST)

    cloud.terminate(pod.id)

    assert [pod.id for pod in double.alive] == [pod.id]


def test_the_end_of_a_pod_of_a_cluster_is_refused(double: RunPodDouble, cloud: Cloud) -> None:
    pod = cloud.create(REQUEST)
    double.script("delete", status(409, "Pod belongs to a cluster"))

    with pytest.raises(CloudError, match="belongs to a cluster"):
        cloud.terminate(pod.id)


@needs_sshd
@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.08, 0.11, 0.15])
def test_a_pod_that_ends_while_it_boots_leaves_nothing_running(
    double: RunPodDouble, cloud: Cloud, seconds: float
) -> None:
    pod = cloud.create(REQUEST)
    time.sleep(seconds)

    cloud.terminate(pod.id)
    time.sleep(0.2)

    fake = double.newest()
    assert fake.processes() == []
    assert fake.machine is None or fake.machine.process is None
    assert fake.phase is Phase.TERMINATED


# The dead-man switch


def test_the_switch_is_one_quoted_word_for_whatever_parses_it() -> None:
    words = shlex.split(deadman_args(3600, "https://api.runpod.io/v2"))

    assert words[:2] == ["bash", "-c"]
    assert len(words) == 3
    assert "'" not in words[2]
    assert words[2].endswith("exec /start.sh")
    subprocess.run(["bash", "-n", "-c", words[2]], check=True)


@pytest.mark.parametrize("url", ["https://x/v2; rm -rf ~", "https://x/$(id)", "https://x/'", "x"])
def test_no_url_gets_into_the_switch_that_a_shell_would_obey(url: str) -> None:
    with pytest.raises(CloudError, match="base URL"):
        deadman_args(60, url)


@needs_sshd
def test_the_switch_is_armed_before_anybody_can_log_in(double: RunPodDouble, cloud: Cloud) -> None:
    cloud.create(REQUEST)
    fake = in_phase(double, Phase.RUNNING)

    pid = fake.deadman_pid()

    assert pid is not None
    assert is_alive(pid)


@needs_sshd
@pytest.mark.parametrize("way", ["by the API", "by runpodctl"])
def test_a_pod_ends_itself_when_its_time_is_up(
    double: RunPodDouble, cloud: Cloud, way: str
) -> None:
    double.pods_may_delete = way == "by the API"
    double.runpodctl_works = way == "by runpodctl"
    cloud.create(replace(REQUEST, ttl_seconds=2))
    begin = time.monotonic()

    wait_until(lambda: double.alive == [], seconds=60)

    assert time.monotonic() - begin > 1.5
    wait_until(lambda: double.newest().processes() == [])
    assert double.count("delete") == 1
    assert double.count("runpodctl") == int(way == "by runpodctl")


@needs_sshd
def test_the_newer_words_of_runpodctl_end_a_pod_too(double: RunPodDouble, cloud: Cloud) -> None:
    double.pods_may_delete, double.runpodctl_removes = False, "pod delete"

    cloud.create(replace(REQUEST, ttl_seconds=1))

    wait_until(lambda: double.alive == [], seconds=60)


@needs_sshd
def test_a_pod_that_cannot_remove_itself_stops_at_last(
    double: RunPodDouble, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.gpu.clouds.runpod.DEADMAN_RETRY_SECONDS", 0.1)
    monkeypatch.setattr("resources.gpu.clouds.runpod.STOP_AFTER_TRIES", 3)
    double.pods_may_delete = double.runpodctl_works = False
    cloud.create(replace(REQUEST, ttl_seconds=1))

    in_phase(double, Phase.EXITED)

    assert double.count("delete") == 4
    assert double.count("stop") == 1


@needs_sshd
def test_a_container_that_began_anew_long_after_its_time_ends_at_once(
    double: RunPodDouble, cloud: Cloud
) -> None:
    now = int(time.time())
    asked_for_once = str(PodName("aaaaaaaa", "11111111", now - 7200 - 60, 3600))
    late_but_well = str(PodName("aaaaaaaa", "22222222", now - 3600, 3600))
    cloud.create(replace(REQUEST, name=late_but_well, ttl_seconds=3600))
    cloud.create(replace(REQUEST, name=asked_for_once, ttl_seconds=3600))

    wait_until(lambda: not double.named(asked_for_once).alive, seconds=60)

    assert double.named(late_but_well).alive


@needs_sshd
def test_a_pod_that_is_left_alone_with_its_work_done_ends_itself_early(
    double: RunPodDouble, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.gpu.clouds.runpod.DEADMAN_LOOK_SECONDS", 1)
    cloud.create(replace(REQUEST, ttl_seconds=600))
    fake = in_phase(double, Phase.RUNNING)
    idle = fake.folder / "home" / Path(IDLE_FILE).name
    idle.touch()
    time.sleep(1.5)
    assert double.alive == [fake]
    long_ago = time.time() - (IDLE_MINUTES + 2) * 60
    os.utime(idle, (long_ago, long_ago))

    wait_until(lambda: double.alive == [], seconds=60)


@needs_sshd
def test_a_pod_does_not_show_its_key_to_who_lists_processes(
    double: RunPodDouble, cloud: Cloud
) -> None:
    double.always("delete", hang(2.0))
    double.runpodctl_works = False
    cloud.create(replace(REQUEST, ttl_seconds=1))
    fake = double.newest()
    wait_until(lambda: double.count("delete") == 1)
    time.sleep(0.2)

    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in fake.processes()]

    assert any(b"curl" in line for line in lines)
    key = fake.environment["RUNPOD_API_KEY"].encode()
    assert not any(key in line for line in lines)


@needs_sshd
def test_a_container_that_cannot_start_shows_as_stopped(
    double: RunPodDouble, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DEADMAN, lambda *_: "bash -c 'exec /missing'")
    pod_id = cloud.create(REQUEST).id
    in_phase(double, Phase.EXITED)

    pod = cloud.get(pod_id)

    assert pod is not None
    assert pod.status is PodStatus.STOPPED
    assert double.alive != []


# Offers and the doctor


def test_offers_come_in_the_order_of_the_wish_likeliest_place_first(cloud: Cloud) -> None:
    offers = cloud.offers(GPU_REQUEST)

    assert [(offer.gpu, offer.region) for offer in offers] == [
        (RTX_4090, "EU-RO-1"),
        (RTX_4090, "US-KS-2"),
        (L40S, "US-TX-3"),
    ]


def test_offers_are_within_the_price(cloud: Cloud) -> None:
    assert {offer.gpu for offer in cloud.offers(replace(GPU_REQUEST, max_usd_per_hour=0.7))} == {
        RTX_4090
    }
    assert cloud.offers(replace(GPU_REQUEST, max_usd_per_hour=0.1)) == []


def test_both_tiers_can_be_asked_for(settings: RunPodSettings) -> None:
    cloud = RunPod(replace(settings, tiers=("secure", "community")))

    offers = cloud.offers(GPU_REQUEST)

    assert [(offer.tier, offer.region, offer.usd_per_hour) for offer in offers[:2]] == [
        ("community", "", 0.34),
        ("secure", "EU-RO-1", 0.69),
    ]


def test_what_is_nowhere_free_is_no_offer(cloud: Cloud) -> None:
    assert cloud.offers(GpuRequest(("NVIDIA A40",), 1.0)) == []


def test_a_pod_is_charged_for_what_its_own_records_say(double: RunPodDouble, cloud: Cloud) -> None:
    double.add_foreign(age_seconds=3600)
    pod = cloud.create(REQUEST)
    cloud.terminate(pod.id)

    billed = cloud.billed_usd(pod.id, time.time())

    assert billed == pytest.approx(double.pods[pod.id].usd)
    double.billed_share = 0.0
    assert cloud.billed_usd(pod.id, time.time()) is None
    assert double.violations == []


def test_the_doctor_is_content_and_spends_nothing(double: RunPodDouble, cloud: Cloud) -> None:
    double.add_foreign()

    findings = cloud.diagnose(GPU_REQUEST)

    assert all(finding.ok and not finding.fix for finding in findings)
    said = " ".join(finding.detail for finding in findings)
    assert "1 pods in the account" in said
    assert f"{RTX_4090} at USD 0.69/h (secure, EU-RO-1, high)" in said
    assert "not told by the API" in said
    assert double.count("create") == 0


@pytest.mark.parametrize(
    ("gpu_request", "said", "fix"),
    [
        (GpuRequest((RTX_4090,), 0.5), "above the limit of USD 0.50/h", "Raise the limit"),
        (GpuRequest(("NVIDIA A40",), 0.5), "None is free", "NVIDIA RTX A5000 at USD 0.27/h"),
        (GpuRequest(("RTX 4090",), 0.5), "no GPU named RTX 4090", RTX_4090),
    ],
)
def test_the_doctor_says_what_to_change(
    cloud: Cloud, gpu_request: GpuRequest, said: str, fix: str
) -> None:
    finding = cloud.diagnose(gpu_request)[-1]

    assert not finding.ok
    assert said in finding.detail
    assert fix in finding.fix


@pytest.mark.parametrize("fault", [status(401), status(503), drop(), cloudflare()])
@pytest.mark.parametrize("operation", ["list", "catalog"])
def test_the_doctor_reports_what_fails_and_never_raises(
    double: RunPodDouble, cloud: Cloud, operation: str, fault: Fault
) -> None:
    double.always(operation, fault)

    finding = cloud.diagnose(GPU_REQUEST)[-1]

    assert not finding.ok
    assert finding.fix


@pytest.mark.parametrize(("ahead", "said"), [(7200.0, "behind"), (-7200.0, "ahead of")])
def test_the_doctor_sees_a_wrong_clock(
    double: RunPodDouble, cloud: Cloud, ahead: float, said: str
) -> None:
    assert [one.ok for one in cloud.diagnose(GPU_REQUEST) if one.check == "clock"] == [True]
    double.clock_ahead = ahead

    (clock,) = [one for one in cloud.diagnose(GPU_REQUEST) if one.check == "clock"]

    assert not clock.ok
    assert f"120 minutes {said} RunPod" in clock.detail


def test_a_key_that_may_not_see_bills_is_no_ailment(double: RunPodDouble, cloud: Cloud) -> None:
    double.always("billing", status(403))

    assert all(finding.ok for finding in cloud.diagnose(GPU_REQUEST))


# Secrets


@pytest.mark.parametrize("value", [None, "", "  ", "two words", "line\nbreak", "ümlaut"])
def test_without_a_usable_key_nothing_is_sent(
    double: RunPodDouble, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("RUNPOD_API_KEY")
    else:
        monkeypatch.setenv("RUNPOD_API_KEY", value)

    with pytest.raises(CloudKeyError, match="RUNPOD_API_KEY") as caught:
        cloud.create(REQUEST)

    assert double.requests == []
    assert not value or not value.strip() or value not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://api.runpod.io/v2", "https://user:word@api.runpod.io/v2", "api.runpod.io", "ftp://x/"],
)
def test_no_key_goes_over_a_network_unencrypted(url: str) -> None:
    with pytest.raises(CloudError, match="base URL"):
        RunPod(RunPodSettings(base_url=url))


def test_the_key_is_in_no_repr_log_or_error(
    double: RunPodDouble, cloud: Cloud, settings: RunPodSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = [repr(cloud), repr(vars(cloud)), repr(settings)]
    for code in (400, 401, 402, 403, 404, 409, 422, 429, 500):
        for operation, call in (("create", lambda: cloud.create(REQUEST)), ("list", cloud.pods)):
            double.script(operation, *[status(code, f"key {double.key}", Retry_After=0)] * 3)
            with pytest.raises(CloudError) as caught:
                call()
            told += [str(caught.value), repr(caught.value), caught.value.fix]
            double.never(operation)
    for fault in (drop(), text(200, f"no JSON {double.key}"), cloudflare()):
        double.always("list", fault)
        with pytest.raises(CloudError) as caught:
            cloud.pods()
        told += [str(caught.value), repr(caught.value)]
    double.never("list")
    told += [repr(cloud.pods()), str(cloud.diagnose(GPU_REQUEST)), caplog.text]

    assert caplog.text
    assert not any(double.key in line for line in told)


def test_faults_can_be_spaced_out(double: RunPodDouble, cloud: Cloud) -> None:
    double.script("list", fine(), status(401))

    cloud.pods()
    with pytest.raises(CloudKeyError):
        cloud.pods()
