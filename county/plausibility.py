"""Holds a county to published ranges (`plausibility.yml`) and shows it beside them.

Belongs here: the command. Not here: the measures (`watched.py`), the ranges
(`reference_ranges.py`), the page (`county_page.py`).

`python -m county.plausibility` builds a county in a scratch folder and prints its measures; with
`--page docs/county.md` it also writes the page and its pictures. It fails when a measure lies
outside its range.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from county.county_page import write_page
from county.reference_ranges import Measure, references
from county.watched import measured, watch


def table(measures: list[Measure], values: dict[str, float]) -> list[str]:
    """One line a measure: whether it holds, its value, its range and what it is."""
    return [
        f"{' ' if m.holds(values[m.id]) else '✗'} {m.id:25} {values[m.id]:10.2f}   "
        f"{f'{m.range[0]:g} – {m.range[1]:g}':16} {m.label_zh}（{m.unit}）"
        for m in measures
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold a county to its reference ranges.")
    parser.add_argument("--residents", type=int, default=20_000)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--page", type=Path, help="also write this page and its pictures")
    chosen = parser.parse_args()
    with TemporaryDirectory() as scratch:
        county = watch(chosen.residents, chosen.months, chosen.seed, Path(scratch) / "county")
    values = measured(county)
    measures = [measure for measure in references()[0] if measure.id in values]
    print("\n".join(table(measures, values)))
    if chosen.page is not None:
        told = f"{chosen.residents:,} residents, {chosen.months} months, seed {chosen.seed}"
        write_page(chosen.page, county, values, told)
    return int(any(not measure.holds(values[measure.id]) for measure in measures))


if __name__ == "__main__":
    sys.exit(main())
