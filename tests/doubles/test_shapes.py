"""Our short shapes agree with the published ones, and both are strict."""

from typing import Any

import pytest
from doubles import cvat_shapes, lambda_cloud, lambda_shapes, runpod, runpod_shapes
from doubles.shapes import Shapes, published

GPU = "NVIDIA GeForce RTX 4090"
CREATE: dict[str, Any] = {
    "name": "x",
    "image": "runpod/pytorch",
    "gpu": {"id": GPU, "count": 1, "minCudaVersion": "12.8"},
    "cloud": "SECURE",
    "disk": 40,
    "ports": ["22/tcp"],
    "env": {"PUBLIC_KEY": "ssh-ed25519 AAAA"},
    "args": "bash",
    "dataCenterIds": ["US-KS-2"],
}
LAUNCH = {
    "region_name": "us-west-1",
    "instance_type_name": "gpu_1x_a10",
    "ssh_key_names": ["x"],
    "file_system_names": [],
    "quantity": 1,
    "name": "x",
}
NOT_PODS = [
    {**CREATE, "interruptible": True},
    {**CREATE, "gpu": {"count": 1}},
    {**CREATE, "gpu": {"id": GPU, "count": 0}},
    {**CREATE, "gpu": {"id": GPU, "bidPerGpu": 1}},
    {**CREATE, "cloud": "ALL"},
    {**CREATE, "disk": "40"},
    {**CREATE, "env": {"PUBLIC_KEY": 1}},
    {**CREATE, "ports": "22/tcp"},
    {name: value for name, value in CREATE.items() if name != "image"},
    {name: value for name, value in CREATE.items() if name != "name"},
    [],
    None,
]
NOT_LAUNCHES = [
    {**LAUNCH, "quantity": 2},
    {**LAUNCH, "spot": True},
    {name: value for name, value in LAUNCH.items() if name != "ssh_key_names"},
    None,
]
NOT_QUERIES = [{"page": "2"}, {"include": "PRICES"}, {"count": "none"}, {"cloud": "secure"}]
OURS_AND_THEIRS = pytest.mark.parametrize("origin", ["ours", "published"])


def runpod_shapes_from(origin: str) -> Shapes:
    if origin == "ours":
        return Shapes(runpod_shapes.DOCUMENT)
    document = published(runpod.DOCUMENT_NAME)
    if document is None:
        pytest.skip("the published document is absent")
    return Shapes(document)


def lambda_shapes_from(origin: str) -> Shapes:
    if origin == "ours":
        return Shapes(lambda_shapes.brought_up_to_date(lambda_shapes.DOCUMENT))
    document = published(lambda_cloud.DOCUMENT_NAME)
    if document is None:
        pytest.skip("the published document is absent")
    return Shapes(lambda_shapes.brought_up_to_date(document))


@OURS_AND_THEIRS
def test_a_good_request_passes(origin: str) -> None:
    assert runpod_shapes_from(origin).request("POST", "/v2/pods", CREATE) == []
    path = "/instance-operations/launch"
    assert lambda_shapes_from(origin).request("POST", path, LAUNCH) == []


@OURS_AND_THEIRS
@pytest.mark.parametrize("body", NOT_PODS)
def test_what_runpod_would_refuse_does_not_pass(origin: str, body: object) -> None:
    assert runpod_shapes_from(origin).request("POST", "/v2/pods", body) != []


@OURS_AND_THEIRS
@pytest.mark.parametrize("body", NOT_LAUNCHES)
def test_what_lambda_does_not_know_does_not_pass(origin: str, body: object) -> None:
    path = "/instance-operations/launch"
    assert lambda_shapes_from(origin).request("POST", path, body) != []


@OURS_AND_THEIRS
@pytest.mark.parametrize("query", NOT_QUERIES)
def test_unknown_parameters_and_values_do_not_pass(origin: str, query: dict[str, str]) -> None:
    assert runpod_shapes_from(origin).query("GET", "/v2/catalog/gpus", query) != []


@OURS_AND_THEIRS
def test_replies_are_held_to_their_shape(origin: str) -> None:
    shapes = runpod_shapes_from(origin)

    assert shapes.reply("GET", "/v2/pods", 200, {"pods": [{"id": "x"}]}) != []
    assert shapes.reply("GET", "/v2/pods", 500, {"detail": "x"}) != []
    assert shapes.reply("GET", "/v2/pods", 200, {"pods": []}) == []
    assert shapes.reply("DELETE", "/v2/pods/{id}", 204, None) == []
    wrong = {"data": [{"status": "dreaming"}]}
    assert lambda_shapes_from(origin).reply("GET", "/instances", 200, wrong) != []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/tasks", {"project_id": 1}),
        ("POST", "/api/tasks", {"name": "first", "project_id": "one"}),
        ("POST", "/api/tasks", {"name": "first", "colour": "red"}),
        ("PUT", "/api/tasks/{id}/annotations/", {"shapes": [{"type": "box", "label_id": 1}]}),
        ("PUT", "/api/tasks/{id}/annotations/", {"shapes": [{"frame": 0, "points": [1, 2, 3, 4]}]}),
    ],
)
def test_what_the_schema_that_cvats_sdk_carries_does_not_have_does_not_pass(
    method: str, path: str, body: object
) -> None:
    assert Shapes(cvat_shapes.document()).request(method, path, body) != []


def test_what_cvats_schema_has_passes() -> None:
    shapes = Shapes(cvat_shapes.document())
    assert shapes.request("POST", "/api/tasks", {"name": "first", "project_id": 1}) == []
    box = {"type": "rectangle", "label_id": 1, "frame": 0, "points": [1.0, 2.0, 3.0, 4.0]}
    path = "/api/tasks/{id}/annotations/"
    assert shapes.request("PUT", path, {"shapes": [{**box, "score": 0.5, "source": "auto"}]}) == []
    assert shapes.query("GET", "/api/tasks", {"unknown": "1"}) != []
