"""The doubles do what a cloud does with either shapes, and record what does not fit them."""

import getpass
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from doubles import lambda_cloud, lambda_shapes, runpod, runpod_shapes
from doubles.clouds import CloudDouble
from doubles.servers import drop
from doubles.shapes import Shapes

from resources.gpu.clouds.base import Cloud, GpuRequest, PodRequest
from resources.gpu.clouds.lambda_cloud import LambdaCloud, LambdaSettings
from resources.gpu.clouds.runpod import RunPod, RunPodSettings

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx7hQ2Nq1W9kq9h1C2yJm5bYw5T1QXo3mT8r0cF3n4k me"


@pytest.fixture
def on_runpod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[runpod.RunPodDouble, Cloud]]:
    with runpod.running_runpod(tmp_path / "runpod") as double:
        monkeypatch.setenv("RUNPOD_API_KEY", double.key)
        yield double, RunPod(RunPodSettings(base_url=double.url))


@pytest.fixture
def on_lambda(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[lambda_cloud.LambdaCloudDouble, Cloud]]:
    with lambda_cloud.running_lambda_cloud(tmp_path / "lambda") as double:
        monkeypatch.setenv("LAMBDA_API_KEY", double.key)
        settings = LambdaSettings(
            base_url=double.url,
            ssh_user=getpass.getuser(),
            ssh_port=double.ssh_port,
            seconds_apart=0.0,
            launch_seconds_apart=0.0,
        )
        yield double, LambdaCloud(settings)


def live_and_die(double: CloudDouble, cloud: Cloud, gpu_request: GpuRequest) -> None:
    (offer, *_) = cloud.offers(gpu_request)
    pod = cloud.create(PodRequest("outpost-x", offer, PUBLIC_KEY, ttl_seconds=60))
    assert cloud.get(pod.id) is not None
    assert [each.id for each in cloud.pods()] == [pod.id]
    assert double.owned == [double.named("outpost-x")]
    cloud.host_key_fingerprints(pod.id)
    assert all(finding.ok for finding in cloud.diagnose(gpu_request))
    cloud.terminate(pod.id)
    assert double.owned == []
    assert 0 < double.billed_seconds < 60
    assert double.usd == pytest.approx(double.billed_seconds * offer.usd_per_hour / 3600)


def test_a_pod_lives_and_dies_on_runpod_by_our_own_shapes(
    on_runpod: tuple[runpod.RunPodDouble, Cloud],
) -> None:
    double, cloud = on_runpod
    double.shapes = Shapes(runpod_shapes.DOCUMENT)

    live_and_die(double, cloud, GpuRequest(("NVIDIA GeForce RTX 4090",), 1.0))

    assert double.violations == []


def test_an_instance_lives_and_dies_on_lambda_by_our_own_shapes(
    on_lambda: tuple[lambda_cloud.LambdaCloudDouble, Cloud],
) -> None:
    double, cloud = on_lambda
    double.shapes = Shapes(lambda_shapes.brought_up_to_date(lambda_shapes.DOCUMENT))

    live_and_die(double, cloud, GpuRequest(("gpu_1x_a10",), 2.0))

    assert double.violations == []


def test_a_request_that_does_not_fit_is_refused_and_recorded(
    on_runpod: tuple[runpod.RunPodDouble, Cloud],
) -> None:
    double, _ = on_runpod
    headers = {"Authorization": f"Bearer {double.key}"}

    reply = httpx.post(f"{double.url}/pods", json={"name": "x", "spot": 1}, headers=headers)

    assert reply.status_code == 422
    assert any("spot" in violation for violation in double.violations)
    assert double.alive == []


def test_who_has_no_key_or_the_wrong_agent_gets_nothing(
    on_runpod: tuple[runpod.RunPodDouble, Cloud],
) -> None:
    double, _ = on_runpod
    agent = {"User-Agent": "Python-urllib/3.11", "Authorization": f"Bearer {double.key}"}

    assert httpx.get(f"{double.url}/pods").status_code == 401
    turned_away = httpx.get(f"{double.url}/pods", headers=agent)
    assert (turned_away.status_code, turned_away.text) == (403, "error code: 1010")


def test_a_pods_own_key_ends_that_pod_and_no_other(
    on_runpod: tuple[runpod.RunPodDouble, Cloud],
) -> None:
    double, cloud = on_runpod
    (offer, *_) = cloud.offers(GpuRequest(("NVIDIA GeForce RTX 4090",), 1.0))
    for name in ("a", "b"):
        cloud.create(PodRequest(name, offer, PUBLIC_KEY, ttl_seconds=60))
    mine, other = double.named("a"), double.named("b")
    headers = {"Authorization": f"Bearer {mine.environment['RUNPOD_API_KEY']}"}

    assert httpx.get(f"{double.url}/pods", headers=headers).status_code == 401
    assert httpx.delete(f"{double.url}/pods/{other.id}", headers=headers).status_code == 401
    assert httpx.delete(f"{double.url}/pods/{mine.id}", headers=headers).status_code == 204
    assert double.owned == [other]


def test_a_script_for_an_operation_that_does_not_exist_is_a_mistake(
    on_runpod: tuple[runpod.RunPodDouble, Cloud],
) -> None:
    double, _ = on_runpod

    with pytest.raises(ValueError, match="no operation 'destroy'"):
        double.always("destroy", drop())
