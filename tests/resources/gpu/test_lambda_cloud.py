"""Lambda Cloud against its double: what every code means, and that no SSH key is left behind."""

import getpass
import logging
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from doubles.lambda_cloud import LambdaCloudDouble, running_lambda_cloud
from doubles.pods import Phase
from doubles.processes import wait_until
from doubles.servers import Fault, Reply, drop, hang, status, text
from doubles.sshd import needs_sshd

from resources.gpu.clouds.base import (
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
from resources.gpu.clouds.lambda_cloud import LambdaCloud, LambdaSettings

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx7hQ2Nq1W9kq9h1C2yJm5bYw5T1QXo3mT8r0cF3n4k me"
A10 = "gpu_1x_a10"
GPU_REQUEST = GpuRequest((A10, "gpu_1x_a100_sxm4"), max_usd_per_hour=2.0)
REQUEST = PodRequest(
    name="outpost-0badcafe-00c0ffee-e1795247471-t3600",
    offer=Offer(A10, "us-west-1", "", 1.29),
    public_key=PUBLIC_KEY,
    ttl_seconds=3600,
)
HASTY = RetryPolicy(attempts=3, backoff_seconds=0.01, timeout_seconds=0.5, longest_wait=3.0)


def error(code: str, http: int = 400, after: bool = False, message: str = "no") -> Fault:
    body = {"error": {"code": code, "message": message, "suggestion": "Try something else."}}
    return Fault(Reply(http, body), after)


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LambdaCloudDouble]:
    with running_lambda_cloud(tmp_path / "lambda") as double:
        monkeypatch.setenv("LAMBDA_API_KEY", double.key)
        yield double
        # Whatever a test is about: all that was said had the published shape.
        assert double.violations == []


@pytest.fixture
def settings(double: LambdaCloudDouble) -> LambdaSettings:
    return LambdaSettings(
        base_url=double.url,
        ssh_user=getpass.getuser(),
        ssh_port=double.ssh_port,
        seconds_apart=0.0,
        launch_seconds_apart=0.0,
        retries=HASTY,
    )


@pytest.fixture
def cloud(settings: LambdaSettings) -> Cloud:
    return LambdaCloud(settings)


def test_it_says_that_an_instance_does_not_end_itself(cloud: Cloud) -> None:
    assert not cloud.arms_deadman
    assert LambdaSettings().ssh_user == "ubuntu"


def test_nobody_tells_what_an_instance_was_charged_for(cloud: Cloud) -> None:
    assert cloud.billed_usd("0123abcd", 0.0) is None


# Launching


def test_an_instance_is_launched_with_a_key_of_its_own(
    double: LambdaCloudDouble, cloud: Cloud
) -> None:
    pod = cloud.create(REQUEST)

    (body,) = double.launched
    assert body == {
        "region_name": "us-west-1",
        "instance_type_name": A10,
        "ssh_key_names": [REQUEST.name],
        "file_system_names": [],
        "name": REQUEST.name,
    }
    assert double.keys[REQUEST.name]["public_key"] == PUBLIC_KEY
    assert pod.id == double.newest().id
    assert (pod.name, pod.status, pod.usd_per_hour) == (REQUEST.name, PodStatus.STARTING, 1.29)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (error("instance-operations/launch/insufficient-capacity"), NoCapacityError),
        # An older version of the API wrote it so.
        (error("instance-operations/launch/insufficient-capacity", 403), NoCapacityError),
        (error("global/quota-exceeded"), CloudError),
        (error("global/invalid-parameters"), CloudError),
        (error("global/object-does-not-exist"), CloudError),
        (error("global/duplicate"), CloudError),
        (error("global/account-inactive", 403), CloudBalanceError),
        (error("global/invalid-address", 403), CloudBalanceError),
        (error("global/forbidden", 403), CloudKeyError),
        (error("global/invalid-api-key", 401), CloudKeyError),
        (status(403), CloudKeyError),
        (text(403, "error code: 1010"), CloudError),
    ],
)
def test_a_refused_launch_is_not_repeated_and_leaves_nothing(
    double: LambdaCloudDouble, cloud: Cloud, fault: Fault, kind: type[CloudError]
) -> None:
    double.script("launch", fault)

    with pytest.raises(CloudError) as caught:
        cloud.create(REQUEST)

    assert type(caught.value) is kind
    assert double.count("launch") == 1
    assert double.alive == []
    assert double.keys == {}


def test_a_refusal_quotes_message_and_suggestion(double: LambdaCloudDouble, cloud: Cloud) -> None:
    double.refusals = 1

    with pytest.raises(NoCapacityError, match=r"Not enough capacity .* Look at the documentation"):
        cloud.create(REQUEST)


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("loss", ["drop", "hang", "500", "garbage", "none", "two"])
def test_a_lost_reply_leaves_open_whether_the_instance_exists_and_keeps_its_key(
    double: LambdaCloudDouble, cloud: Cloud, loss: str, happened: bool
) -> None:
    faults = {
        "drop": drop(after=happened),
        "hang": hang(0.8, after=happened),
        "500": status(500, after=happened),
        "garbage": text(200, "<html>", after=happened),
        "none": text(200, '{"data": {"instance_ids": []}}', after=happened),
        "two": text(200, '{"data": {"instance_ids": ["a", "b"]}}', after=happened),
    }
    double.script("launch", faults[loss])

    with pytest.raises(AmbiguousCreateError):
        cloud.create(REQUEST)

    assert double.count("launch") == 1
    assert len(cloud.pods()) == int(happened)
    assert list(double.keys) == [REQUEST.name]
    cloud.clean_up(REQUEST.name)
    assert double.keys == {}


def test_a_key_whose_registration_was_answered_too_late_is_registered(
    double: LambdaCloudDouble, cloud: Cloud
) -> None:
    double.script("add_key", drop(after=True))

    cloud.create(REQUEST)

    assert list(double.keys) == [REQUEST.name]
    assert len(double.alive) == 1


def test_a_key_that_an_earlier_instance_has_left_is_used_again(
    double: LambdaCloudDouble, cloud: Cloud
) -> None:
    double.keys_differ = True
    double.keys["outpost-earlier"] = {
        "id": "1",
        "name": "outpost-earlier",
        "public_key": PUBLIC_KEY,
    }

    pod = cloud.create(REQUEST)

    assert double.newest().public_key == PUBLIC_KEY
    cloud.terminate(pod.id)
    assert list(double.keys) == ["outpost-earlier"]
    cloud.clean_up("outpost-earlier")
    assert double.keys == {}


def test_a_name_that_is_taken_by_another_key_launches_nothing(
    double: LambdaCloudDouble, cloud: Cloud
) -> None:
    double.keys[REQUEST.name] = {"id": "1", "name": REQUEST.name, "public_key": "ssh-rsa AAAA"}

    with pytest.raises(CloudError, match="already exists"):
        cloud.create(REQUEST)

    assert double.count("launch") == 0
    assert double.keys[REQUEST.name]["public_key"] == "ssh-rsa AAAA"


def test_too_many_launches_are_waited_out(double: LambdaCloudDouble, cloud: Cloud) -> None:
    double.script("launch", status(429, Retry_After=1))

    cloud.create(REQUEST)

    assert len(double.alive) == 1


def test_too_many_launches_for_too_long_leave_nothing(
    double: LambdaCloudDouble, cloud: Cloud
) -> None:
    double.always("launch", status(429, Retry_After=0))

    with pytest.raises(CloudBusyError):
        cloud.create(REQUEST)

    assert double.alive == []
    assert double.keys == {}


def test_requests_and_launches_keep_their_distance(
    double: LambdaCloudDouble, settings: LambdaSettings
) -> None:
    calm = replace(settings, seconds_apart=0.1, launch_seconds_apart=0.6)
    begin = time.monotonic()
    for number in range(2):
        # Clients of one process share the pace.
        LambdaCloud(calm).create(replace(REQUEST, name=f"outpost-{number}"))

    assert [operation for operation, _ in double.arrivals] == ["add_key", "launch"] * 2
    seconds = [moment - begin for _, moment in double.arrivals]
    assert seconds[1] >= 0.1
    assert seconds[2] >= 0.2
    assert seconds[3] >= 0.6


# Looking


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("booting", PodStatus.STARTING),
        ("active", PodStatus.RUNNING),
        ("unhealthy", PodStatus.FAILED),
        ("terminating", PodStatus.ENDED),
        ("terminated", PodStatus.ENDED),
        ("preempted", PodStatus.ENDED),
        ("daydreaming", PodStatus.STARTING),
    ],
)
def test_every_status_has_a_meaning(
    double: LambdaCloudDouble, cloud: Cloud, word: str, meaning: PodStatus
) -> None:
    double.script("get", Fault(Reply(200, {"data": {"id": "x", "name": None, "status": word}})))

    pod = cloud.get("x")

    assert pod is not None
    assert (pod.status, pod.name, pod.ssh, pod.usd_per_hour) == (meaning, "", None, None)


def test_a_new_instance_may_be_unknown_for_a_while(double: LambdaCloudDouble, cloud: Cloud) -> None:
    double.get_lag = 1
    pod = cloud.create(REQUEST)

    assert [cloud.get(pod.id) is None for _ in range(2)] == [True, False]


@needs_sshd
def test_an_active_instance_can_be_logged_in_to(
    double: LambdaCloudDouble, cloud: Cloud, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    pod_id = cloud.create(replace(REQUEST, public_key=key.with_suffix(".pub").read_text())).id
    wait_until(lambda: double.newest().phase is Phase.RUNNING)

    pod = cloud.get(pod_id)

    assert pod is not None
    assert pod.ssh is not None
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes")
    command = [
        *("ssh", "-q", "-F", "/dev/null", "-i", str(key), "-p", str(pod.ssh.port)),
        *(word for option in options for word in ("-o", option)),
        f"{pod.ssh.user}@{pod.ssh.host}",
        "nvidia-smi -L",
    ]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "RTX 4090" in listed
    assert cloud.host_key_fingerprints(pod_id) == ()


def test_the_list_has_foreign_instances_too(double: LambdaCloudDouble, cloud: Cloud) -> None:
    double.add_foreign("my-notebook")
    cloud.create(REQUEST)

    assert [pod.name for pod in cloud.pods()] == ["my-notebook", REQUEST.name]


@pytest.mark.parametrize(
    "beside", [{"page_token": "abc"}, {"pagination": {"next": 2}}, {"has_more": True}]
)
def test_a_list_that_may_go_on_is_no_list(
    double: LambdaCloudDouble, cloud: Cloud, beside: dict[str, object]
) -> None:
    double.beside = beside

    with pytest.raises(CloudError, match="incomplete"):
        cloud.pods()


def test_a_list_may_say_more_than_it_needs_to(double: LambdaCloudDouble, cloud: Cloud) -> None:
    double.beside = {"next_page_token": None, "request_id": "abc"}

    assert cloud.pods() == []


def test_a_detail_that_cannot_be_read_spoils_no_list(
    double: LambdaCloudDouble, cloud: Cloud
) -> None:
    odd = {"id": "x", "name": None, "status": "resting", "ip": 7, "ssh_key_names": "all"}
    odd["instance_type"] = {"price_cents_per_hour": "cheap"}
    double.script("list", Fault(Reply(200, {"data": [odd]})))

    (pod,) = cloud.pods()

    assert pod == Pod("x", "", PodStatus.STARTING, None, None)


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": [{"id": "x"}]}, []])
def test_a_list_that_cannot_be_read_whole_is_no_list(
    double: LambdaCloudDouble, cloud: Cloud, body: object
) -> None:
    double.script("list", Fault(Reply(200, body)))

    with pytest.raises(CloudError, match="not what its API promises"):
        cloud.pods()


@pytest.mark.parametrize("fault", [drop(), status(500), status(503), status(429, Retry_After=0)])
def test_what_changes_nothing_when_repeated_is_repeated(
    double: LambdaCloudDouble, cloud: Cloud, fault: Fault
) -> None:
    pod = cloud.create(REQUEST)
    for operation in ("list", "get", "terminate", "types", "keys", "delete_key"):
        double.script(operation, fault)

    assert cloud.pods()
    assert cloud.offers(GPU_REQUEST)
    cloud.terminate(pod.id)

    assert double.alive == []
    assert double.keys == {}


def test_repeating_has_an_end(double: LambdaCloudDouble, cloud: Cloud) -> None:
    double.always("list", status(500))

    with pytest.raises(CloudUnavailableError):
        cloud.pods()

    assert double.count("list") == HASTY.attempts


# The end


def test_an_instance_ends_and_takes_its_key_along(double: LambdaCloudDouble, cloud: Cloud) -> None:
    double.keys["mine"] = {"id": "1", "name": "mine", "public_key": "ssh-rsa AAAA"}
    pod = cloud.create(REQUEST)

    cloud.terminate(pod.id)

    assert double.alive == []
    assert list(double.keys) == ["mine"]
    assert cloud.get(pod.id) is None
    cloud.terminate(pod.id)
    cloud.clean_up(REQUEST.name)


def test_the_key_of_a_foreign_instance_stays(double: LambdaCloudDouble, cloud: Cloud) -> None:
    double.keys["mine"] = {"id": "1", "name": "mine", "public_key": "ssh-rsa AAAA"}
    foreign = double.add_foreign("my-notebook")
    foreign.details["ssh_key_names"] = ["mine"]

    cloud.terminate(foreign.id)

    assert list(double.keys) == ["mine"]


@pytest.mark.parametrize("operation", ["get", "keys", "delete_key"])
def test_an_instance_ends_even_where_its_key_cannot_be_removed(
    double: LambdaCloudDouble, cloud: Cloud, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    pod = cloud.create(REQUEST)
    double.always(operation, status(500))

    cloud.terminate(pod.id)

    assert double.alive == []
    assert "SSH key" in caplog.text
    double.never(operation)
    cloud.clean_up(REQUEST.name)
    assert double.keys == {}


def test_an_end_that_fails_is_told(double: LambdaCloudDouble, cloud: Cloud) -> None:
    pod = cloud.create(REQUEST)
    double.always("terminate", status(500))

    with pytest.raises(CloudUnavailableError):
        cloud.terminate(pod.id)

    # The key is still needed by an instance that still runs.
    assert list(double.keys) == [REQUEST.name]


@needs_sshd
@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1])
def test_an_instance_that_ends_while_it_boots_leaves_nothing_running(
    double: LambdaCloudDouble, cloud: Cloud, seconds: float
) -> None:
    pod = cloud.create(REQUEST)
    time.sleep(seconds)

    cloud.terminate(pod.id)
    time.sleep(0.2)

    assert double.newest().processes() == []


# Offers, the doctor, secrets


def test_offers_come_in_the_order_of_the_wish_and_within_the_price(cloud: Cloud) -> None:
    assert [
        (offer.gpu, offer.region, offer.usd_per_hour) for offer in cloud.offers(GPU_REQUEST)
    ] == [
        (A10, "us-east-1", 1.29),
        (A10, "us-west-1", 1.29),
        ("gpu_1x_a100_sxm4", "us-tx-3", 1.99),
    ]
    assert {offer.gpu for offer in cloud.offers(replace(GPU_REQUEST, max_usd_per_hour=1.5))} == {
        A10
    }


def test_the_doctor_is_content_and_spends_nothing(double: LambdaCloudDouble, cloud: Cloud) -> None:
    double.add_foreign()

    findings = cloud.diagnose(GPU_REQUEST)

    assert all(finding.ok for finding in findings)
    (key,) = [finding for finding in findings if "key" in finding.check]
    assert "1 instances in the account, USD 1.29/h together" in key.detail
    assert double.count("launch") == 0


@pytest.mark.parametrize(
    ("gpus", "said", "fix"),
    [
        (("gpu_1x_h100_pcie",), "None is free", A10),
        (("NVIDIA GeForce RTX 4090",), "knows no GPU", "gpu_1x_h100_pcie"),
    ],
)
def test_the_doctor_says_what_to_change(
    cloud: Cloud, gpus: tuple[str, ...], said: str, fix: str
) -> None:
    finding = cloud.diagnose(GpuRequest(gpus, 5.0))[-1]

    assert not finding.ok
    assert said in finding.detail
    assert fix in finding.fix


@pytest.mark.parametrize("fault", [error("global/invalid-api-key", 401), status(500), drop()])
@pytest.mark.parametrize("operation", ["list", "types"])
def test_the_doctor_reports_what_fails_and_never_raises(
    double: LambdaCloudDouble, cloud: Cloud, operation: str, fault: Fault
) -> None:
    double.always(operation, fault)

    finding = cloud.diagnose(GPU_REQUEST)[-1]

    assert not finding.ok
    assert finding.fix


def test_a_missing_key_is_told_by_the_name_of_its_variable(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAMBDA_API_KEY")

    with pytest.raises(CloudKeyError, match="LAMBDA_API_KEY"):
        cloud.pods()


def test_the_key_is_in_no_repr_log_or_error(
    double: LambdaCloudDouble, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = [repr(cloud), repr(vars(cloud))]
    calls: dict[str, Callable[[], object]] = {
        "launch": lambda: cloud.create(REQUEST),
        "add_key": lambda: cloud.create(REQUEST),
        "list": cloud.pods,
        "types": lambda: cloud.offers(GPU_REQUEST),
    }
    for operation, call in calls.items():
        for code in (400, 401, 403, 500):
            double.always(operation, error("global/unknown", code, message=f"key {double.key}"))
            with pytest.raises(CloudError) as caught:
                call()
            told += [str(caught.value), repr(caught.value)]
        double.never(operation)
        # A launch that may have happened has kept its key.
        double.keys.clear()
    told += [repr(cloud.pods()), caplog.text]

    assert caplog.text
    assert not any(double.key in line for line in told)
