"""How the report names rows and quantities, on the page and in Markdown alike."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from perfpredict.reports.text import percent, significant, utc_text

if TYPE_CHECKING:
    import polars as pl

    from perfpredict.domain.workload import Workload
    from perfpredict.services.accuracy_report import AccuracyReport

# Any: a row of a frame, whose columns say what they hold
Fields: TypeAlias = Mapping[str, Any]
Quantity: TypeAlias = tuple[str, str]
"""A metric and its unit."""


def quantities(frame: "pl.DataFrame") -> list[Quantity]:
    """Return the metrics and units in `frame`, in its order."""
    return list(dict.fromkeys(frame.select("metric", "unit").iter_rows()))


def of_quantity(frame: "pl.DataFrame", quantity: Quantity) -> "pl.DataFrame":
    """Return the rows of one metric in one unit."""
    return frame.filter(frame["metric"] == quantity[0], frame["unit"] == quantity[1])


def quantity_title(quantity: Quantity) -> str:
    """Return `latency (ms)`."""
    return f"{quantity[0]} ({quantity[1]})"


def number(value: float | None, unit: str = "") -> str:
    """Return a value to three digits with its unit, `-` where it is absent."""
    if value is None:
        return "-"
    return f"{significant(value, 3)} {unit}".rstrip()


def share(value: float | None) -> str:
    """Return a fraction in percent, `-` where it is absent."""
    return "-" if value is None else percent(value)


def share_range(low: float | None, high: float | None) -> str:
    """Return `80 % to 95 %`, `-` where there is none."""
    return "-" if low is None or high is None else f"{percent(low)} to {percent(high)}"


def factor(ln_ratio: float) -> str:
    """Return how many times too high or too low a prediction was."""
    from math import exp

    return f"{significant(exp(abs(ln_ratio)), 3)} × too {'high' if ln_ratio > 0 else 'low'}"


def workload_words(row: Fields) -> str:
    """Return the workload of a row: `resnet50, batch 8, fp16, pytorch`."""
    parts = [row["model"], f"batch {row['batch_size']}", row["precision"]]
    if row["sequence_length"] is not None:
        parts.append(f"{row['sequence_length']} tokens")
    if row["image_size"] is not None:
        parts.append(f"{row['image_size']} px")
    parts += [row["phase"], row["framework"]]
    if row["mode"] == "training":
        parts.append("training")
    return ", ".join(part for part in parts if part)


def workload_fields(workload: "Workload") -> Fields:
    """Return what `workload_words` needs of a workload."""
    return {
        "model": workload.model,
        "batch_size": workload.batch_size,
        "precision": workload.precision.value,
        "sequence_length": workload.sequence_length,
        "image_size": workload.image_size,
        "phase": workload.phase.value if workload.phase else None,
        "framework": workload.framework,
        "mode": workload.mode.value,
    }


def pair_words(row: Fields) -> str:
    """Return a pair as it is named under the mouse."""
    unit = row["unit"]
    interval = ""
    if row["lower"] is not None and row["upper"] is not None:
        interval = f" ({number(row['lower'])} to {number(row['upper'])})"
    return "\n".join(
        (
            f"{workload_words(row)} on {row['device']}",
            f"measured {number(row['actual'], unit)}, predicted {number(row['predicted'])}"
            f"{interval}",
            f"{day(row['measured_at'])}, {row['measurement_id']}",
        )
    )


def day(moment: datetime) -> str:
    """Return the date in UTC."""
    return utc_text(moment)[:10]


def counted(count: int, one: str, many: str = "") -> str:
    """Return `1 pair`, `2 pairs`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def joined(parts: Iterable[str | None], separator: str = ", ") -> str:
    """Return the parts that are there."""
    return separator.join(part for part in parts if part)


def scope_words(report: "AccuracyReport") -> str:
    """Return what the report is about, in one sentence or two."""
    pairs = counted(report.pair_count, "pair")
    left_out = f" {counted(report.left_out, 'pair')} left out." if report.left_out else ""
    chosen = joined(f"{name} {value}" for name, value in report.filters.items())
    chosen = f" Only {chosen}." if chosen else ""
    return (
        f"{report.database}: {counted(report.measurements, 'measurement')}, "
        f"{report.linked:,} of them with a prediction made before, which gives {pairs} of a "
        f"predicted and a measured value.{left_out}{chosen}"
    )


def absence(report: "AccuracyReport") -> str:
    """Return why there is no pair to judge, and what to do."""
    return (
        f"No pairs to judge: {counted(report.measurements, 'measurement')}, {report.linked:,} "
        f"linked to a prediction, {counted(report.left_out, 'pair')} left out. Predict before you "
        "measure; --include-in-sample and --include-retrospective take more pairs."
    )


def cut_words(shown: int, total: int, many: str) -> str | None:
    """Return that not everything is shown, None where it is."""
    return f"{shown:,} of {total:,} {many}." if shown < total else None


def feedback_words(feedback: Fields) -> str:
    """Return how many recommendations were answered, and how many of those accepted."""
    bounds = share_range(feedback["acceptance_lo"], feedback["acceptance_hi"])
    rate = "" if not feedback["answered"] else (
        f", {feedback['accepted']:,} accepted ({share(feedback['acceptance_rate'])}; {bounds} "
        "with 95 % probability)"
    )  # fmt: skip
    total = counted(feedback["recommendations"], "recommendation")
    return f"{total}, {feedback['answered']:,} answered{rate}."


def is_accepted_words(is_accepted: bool | None) -> str:
    """Return yes, no or pending."""
    return "pending" if is_accepted is None else "yes" if is_accepted else "no"
