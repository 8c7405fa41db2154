"""A function's container has Lambda's limits, and labels by which it is found again."""

from __future__ import annotations

import dataclasses

import pytest
from lambda_images.container import OWNER, Host, Spec
from lambda_images.settings import Settings, WrongSetting

HOST = Host(owner="filegate", project="filegate", network="filegate_default", address="localstack", processors=2)
SPEC = Spec(
    name="filegate-validate-1",
    image="filegate/validate:local",
    variables={"A": "b"},
    memory=256,
    timeout=30,
    cpu_share=True,
)


def test_memory_and_processor_are_limited_in_lambda_s_proportion() -> None:
    options = SPEC.options(HOST)
    assert options["mem_limit"] == options["memswap_limit"] == "256m"
    assert options["nano_cpus"] == pytest.approx(256 / 1769 * 1e9, rel=1e-6)


def test_nothing_gets_more_processors_than_there_are() -> None:
    assert dataclasses.replace(SPEC, memory=10_240).options(HOST)["nano_cpus"] == 2_000_000_000


def test_without_the_switch_processors_are_not_limited() -> None:
    assert "nano_cpus" not in dataclasses.replace(SPEC, cpu_share=False).options(HOST)


def test_it_runs_as_nobody_special_on_a_root_that_cannot_be_written() -> None:
    options = SPEC.options(HOST)
    assert (options["user"], options["read_only"], options["cap_drop"]) == ("993:990", True, ["ALL"])
    (temporary,) = options["mounts"]
    assert (temporary["Target"], temporary["Type"]) == ("/tmp", "volume")


def test_the_image_s_own_command_stays_unless_replaced() -> None:
    options = dataclasses.replace(SPEC, command=["other.handle"], entrypoint=[]).options(HOST)
    assert options["command"] == ["other.handle"]
    assert "entrypoint" not in options
    assert "working_dir" not in options


@pytest.mark.parametrize(
    ("image", "service"),
    [
        ("filegate/ingest:local", "ingest"),
        ("ingest", "ingest"),
        ("registry:5000/team/ingest@sha256:0123", "ingest"),
        ("registry:5000/ingest:1@sha256:0123", "ingest"),
    ],
)
def test_compose_takes_it_for_the_service_of_its_image(image: str, service: str) -> None:
    labels = HOST.labels(image)
    assert labels["com.docker.compose.project"] == "filegate"
    assert labels["com.docker.compose.service"] == service
    assert labels[OWNER] == "filegate"


def test_outside_of_compose_it_is_labelled_all_the_same() -> None:
    host = Host.of_container("alone", {}, {"bridge": {"IPAddress": "172.17.0.2"}}, 4)
    assert (host.owner, host.network, host.address) == ("alone", "bridge", "172.17.0.2")
    assert host.labels("filegate/ingest:local") == {OWNER: "alone"}


def test_inside_of_compose_functions_reach_localstack_by_its_service() -> None:
    labels = {"com.docker.compose.project": "mine", "com.docker.compose.service": "localstack"}
    host = Host.of_container("mine-localstack-1", labels, {"mine_default": {"IPAddress": "172.18.0.2"}}, 4)
    assert (host.owner, host.network, host.address) == ("mine", "mine_default", "localstack")


def test_settings_that_are_not_set_or_empty_are_the_defaults() -> None:
    assert Settings.of_environment({}) == Settings()
    assert Settings.of_environment({"LAMBDA_IMAGES_CPU_SHARE": "", "LAMBDA_IMAGES_PARALLEL": ""}) == Settings()
    given = Settings.of_environment({"LAMBDA_IMAGES_CPU_SHARE": "1", "LAMBDA_IMAGES_PARALLEL": "4"})
    assert given == Settings(cpu_share=True, parallel=4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAMBDA_IMAGES_CPU_SHARE", "yes"),
        ("LAMBDA_IMAGES_PARALLEL", "0"),
        ("LAMBDA_IMAGES_PARALLEL", "-1"),
        ("LAMBDA_IMAGES_PARALLEL", "many"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(WrongSetting, match=f"{name} is '{value}'"):
        Settings.of_environment({name: value})
