"""The tables of docs/sdk.md: one row for each method that any SDK knows, made by a run."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.contract.driving import Report
from tests.contract.environments import HERE

PAGE = HERE.parents[1] / "docs" / "sdk.md"
#: Groups of methods for products of svix' that this platform does not have.
FOREIGN = (
    "authentication.get_stream_poller_token",
    "authentication.rotate_stream_poller_token",
    "authentication.stream_",
    "autoconfig_subscription.",
    "connector.",
    "destination.",
    "endpoint.patch_transformation",
    "endpoint.transformation",
    "environment.",
    "ingest.",
    "integration.",
    "message.poller.",
    "streaming.",
)
#: What would break a row.
_UNFIT = re.compile(r"[|`\s]+")
_BORDERS = ("<!-- made by make sdk-table -->\n", "<!-- end -->\n")


def is_foreign(method: str) -> bool:
    return method.startswith(FOREIGN)


def written() -> str:
    """Return the tables that the page has now."""
    return _parts(PAGE.read_text())[1]


def write(tables: str) -> None:
    """Put tables into the page."""
    before, _, after = _parts(PAGE.read_text())
    PAGE.write_text(before + tables + after)


def render(reports: Mapping[str, Report]) -> str:
    methods = sorted({method for report in reports.values() for method in report.methods})
    ours = [method for method in methods if not is_foreign(method)]
    theirs = [method for method in methods if is_foreign(method)]
    lines = ["## Webhooks", *_table(reports, ours), "", "## Products of svix' that are not offered"]
    return "\n".join(["", *lines, *_table(reports, theirs), "", ""])


def _table(reports: Mapping[str, Report], methods: list[str]) -> Iterator[str]:
    yield ""
    heads = [f"{sdk} ({report.version})" for sdk, report in reports.items()]
    yield f"| method | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    for method in methods:
        states = [state(report.methods.get(method)) for report in reports.values()]
        yield f"| `{method}` | {' | '.join(states)} |"


def state(row: Mapping[str, Any] | None) -> str:
    """Return what stands in one field; a dash for a method that the SDK does not have."""
    if row is None:
        return "-"
    if row["outcome"] == "works":
        return "works"
    answer = " ".join(str(part) for part in (row["status"], row["reason"]) if part)
    return f"{row['outcome']}: {_UNFIT.sub(' ', answer)}"


def _parts(page: str) -> tuple[str, str, str]:
    begin, end = (page.index(border) for border in _BORDERS)
    begin += len(_BORDERS[0])
    return page[:begin], page[begin:end], page[end:]
