"""What every reader of electrocardiograms gives, whatever the file was.

Belongs here: the fields that a mapping may name. Not here: reading (`ecg_aecg.py`, `ecg_dicom.py`).
The samples themselves are counted and left where they are: in bronze.
"""

from contextlib import suppress
from dataclasses import dataclass, field

TRACE_FIELDS = (
    "trace_id", "request_id", "encounter_id", "recorded_at", "site_id", "local_id", "person_name",
    "sex", "birth_date", "id_number", "health_card", "phone", "leads", "lead_count",
    "sampling_frequency", "sample_count", "duration", "device_model", "manufacturer",
    "interpretation",
)  # fmt: skip
"""Of one trace: times as HL7 or DICOM writes them, `sampling_frequency` in Hz, `duration` in s,
`leads` joined by blanks, statements of the `interpretation` by `；`."""
MEASUREMENT_FIELDS = ("code", "value", "unit", "beat")
"""Of one measurement: code as sent, number, unit (times always in ms), beat it belongs to."""
JOIN_STATEMENTS = "；"


@dataclass(frozen=True)
class Measurement:
    """One number the device or a person measured; `beat` from 1, None for the whole trace."""

    code: str
    value: str
    unit: str | None
    beat: int | None


@dataclass(frozen=True)
class Trace:
    """One recording without its samples."""

    values: dict[str, str]
    measurements: list[Measurement] = field(default_factory=list)

    def value(self, name: str) -> str | None:
        """A field of `TRACE_FIELDS`, or `measurement[<code>]`: of the whole trace, else its first
        beat."""
        if not name.startswith("measurement["):
            return self.values.get(name)
        code = name.removeprefix("measurement[").removesuffix("]")
        found = [m for m in self.measurements if m.code == code]
        whole = [m for m in found if m.beat is None]
        return next((m.value for m in [*whole, *found]), None)


def measured(code: str, value: str, unit: str | None, beat: int | None) -> Measurement:
    """A measurement whose time, if it is one, is in milliseconds."""
    if unit == "s":
        with suppress(ValueError):  # what is no number is refused later, as it was sent
            value, unit = format(float(value) * 1000, ".6g"), "ms"
    return Measurement(code, value, unit, beat)
