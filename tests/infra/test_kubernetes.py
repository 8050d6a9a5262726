"""The manifests by kustomize and the API's own schemas, and what they have to agree with."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from tests.infra.promql import INFRA

from utility_ts_analytics.config import parse_config

KUBECTL = Path(sys.executable).parent / "kubectl"
"""Of the test requirements."""

VERSIONS = ("1.30", "1.34", "1.37")
"""The oldest that `sleep` in preStop needs, and newer ones."""

Manifest = dict[str, Any]


def built(folder: str) -> list[Manifest]:
    """Return what `kubectl apply -k` would send."""
    done = subprocess.run(
        [KUBECTL, "kustomize", str(INFRA / folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return built("kubernetes")


def of_kind(manifests: list[Manifest], kind: str) -> Manifest:
    return next(one for one in manifests if one["kind"] == kind)


def pod_of(manifests: list[Manifest]) -> Manifest:
    spec: Manifest = of_kind(manifests, "StatefulSet")["spec"]["template"]["spec"]
    return spec


def test_all_kinds_are_there(manifests: list[Manifest]) -> None:
    assert {one["kind"] for one in manifests} == {
        *("Namespace", "ConfigMap", "Secret", "Service", "StatefulSet", "Job"),
        *("PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_schemas_of_the_api_accept_every_manifest(version: str, manifests: list[Manifest]) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_schemas_would_notice_a_misspelt_field(manifests: list[Manifest]) -> None:
    pod_set = yaml.safe_load(yaml.safe_dump(of_kind(manifests, "StatefulSet")))
    pod_set["spec"]["template"]["spec"]["terminationGracePeriod"] = 60
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pod_set, VERSIONS[-1], strict=True)


def test_config_is_one_that_the_service_takes(manifests: list[Manifest]) -> None:
    text = of_kind(manifests, "ConfigMap")["data"]["ingestion-config.toml"]
    config = parse_config(tomllib.loads(text), {})
    pod = pod_of(manifests)
    stop_s = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > stop_s + config.server.drain_timeout_s + 10
    assert config.metrics.bind_address.port == 9090


def test_every_secret_is_mounted_where_its_variable_looks(manifests: list[Manifest]) -> None:
    keys = of_kind(manifests, "Secret")["stringData"]
    container = pod_of(manifests)["containers"][0]
    [place] = [m["mountPath"] for m in container["volumeMounts"] if m["name"] == "secrets"]
    named = {e["value"] for e in container["env"] if e["name"].endswith("_FILE")}
    assert named == {f"{place}/{key}" for key in keys}
    environ = {e["name"].removesuffix("_FILE"): "postgresql://u:p@h:1/d" for e in container["env"]}
    del environ["INGESTION_CONFIG"]
    parse_config({}, environ)  # refuses a variable that is no key


def test_containers_are_confined(manifests: list[Manifest]) -> None:
    for kind in ("StatefulSet", "Job"):
        pod = of_kind(manifests, kind)["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        [container] = pod["containers"]
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"] is True
        assert confined["allowPrivilegeEscalation"] is False
        assert confined["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


def test_pods_start_while_questdb_is_away(manifests: list[Manifest]) -> None:
    pod = pod_of(manifests)
    assert "initContainers" not in pod
    assert "path" not in str(pod["containers"][0]["readinessProbe"])


def test_autoscaler_alone_sets_the_number_of_pods(manifests: list[Manifest]) -> None:
    assert "replicas" not in of_kind(manifests, "StatefulSet")["spec"]
    scaler = of_kind(manifests, "HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"]["name"] == of_kind(manifests, "StatefulSet")["metadata"]["name"]
    assert scaler["behavior"]["scaleDown"]["selectPolicy"] == "Disabled"


def test_selectors_find_the_pods_and_the_way_out_leads_to_questdb(
    manifests: list[Manifest],
) -> None:
    every = {"app.kubernetes.io/name": "ingestion"}
    ours = {**every, "app.kubernetes.io/component": "server"}
    pods = of_kind(manifests, "StatefulSet")["spec"]
    assert ours.items() <= pods["template"]["metadata"]["labels"].items()
    assert pods["selector"]["matchLabels"] == ours
    assert [one["spec"]["selector"] for one in manifests if one["kind"] == "Service"] == [ours] * 2
    assert of_kind(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == ours
    policy = of_kind(manifests, "NetworkPolicy")["spec"]
    assert policy["podSelector"]["matchLabels"] == every
    targets = [to["podSelector"]["matchLabels"] for to in policy["egress"][0]["to"]]
    assert targets == [{"app.kubernetes.io/name": "questdb"}] * 2


def test_liveness_does_not_ask_for_the_database(manifests: list[Manifest]) -> None:
    container = pod_of(manifests)["containers"][0]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["startupProbe"]["httpGet"]["path"] == "/healthz"
