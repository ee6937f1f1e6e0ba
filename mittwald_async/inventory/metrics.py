"""What a sweep found as metrics: the text format that Prometheus' node exporter reads from files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .job import Summary
from .result_file import result_file

Sample = tuple[Mapping[str, str], float]


def metrics_text(
    summaries: Sequence[Summary], findings: Mapping[str, int] | None, at: float, *, well: bool = True
) -> str:
    """Metrics of sweeps in the text exposition format.

    Args:
        summaries: one of each account.
        findings: by severity; `None` where no checks were made.
        at: when the sweeps ended, in seconds since 1970.
        well: every account was swept completely; it is there also where no sweep ended at all.
    """
    each = [({"account": one.account}, one) for one in summaries]
    families: list[tuple[str, str, Sequence[Sample]]] = [
        (
            "inventory_items",
            "Things that the sweep saw, by resource: all there are if it is complete.",
            [
                ({**label, "resource": resource}, number)
                for label, one in each
                for resource, number in sorted(one.rows.items())
            ],
        ),
        ("sweep_requests", "Requests that the sweep sent.", [(label, one.requests) for label, one in each]),
        (
            "sweep_failed_lists",
            "Lists that could not be read.",
            [(label, len(one.failures)) for label, one in each],
        ),
        ("sweep_drifted_items", "Items that deviate from the document.", [(label, one.drifted) for label, one in each]),
        ("sweep_duration_seconds", "How long the sweep took.", [(label, one.seconds) for label, one in each]),
        ("sweep_complete", "1 if every list was read.", [(label, one.state == "done") for label, one in each]),
        ("sweep_timestamp_seconds", "When the sweep ended.", [(label, at) for label, _ in each]),
    ]
    if findings is not None:
        samples = [({"severity": severity}, number) for severity, number in findings.items()]
        families.append(("inventory_findings", "What `check` finds, by severity.", samples))
    families += [
        ("run_success", "1 if every account was swept completely.", [({}, well)]),
        ("run_timestamp_seconds", "When the command ended.", [({}, at)]),
    ]
    lines: list[str] = []
    for name, meaning, found in families:
        if not found:
            continue
        lines += [f"# HELP mittwald_{name} {meaning}", f"# TYPE mittwald_{name} gauge"]
        lines += [f"mittwald_{name}{_labels(labels)} {_number(value)}" for labels, value in found]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return repr(round(value, 3)) if isinstance(value, float) else str(int(value))


def write_metrics(path: Path, text: str) -> None:
    """Write the file so that a reader sees the old one or the new one, never a part.

    Raises:
        ConfigurationError: it cannot be written.
    """
    # Readable for all: the exporter runs as a user of its own.
    with result_file(path, 0o644) as file:
        file.write(text.encode())
