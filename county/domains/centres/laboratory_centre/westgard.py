"""Westgard's rules over runs of controls.

Belongs here: which rule a measurement breaks. Not here: measurements (`control.py`).
Rules and their names: Westgard et al., Clin Chem 1981; 27:493-501.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from county.domains.draws import Numbers

_Mask = np.ndarray[Any, np.dtype[np.bool_]]


def violated(deviation: Numbers, before: Numbers, levels: int) -> Numbers:
    """The gravest broken rule of each measurement, or None; `1-2s` only warns.

    Args:
        deviation: Standard deviations from the target, by run (rows) and series (columns).
            Neighbouring columns are the levels of one test.
        before: Earlier runs of the same series.
        levels: Levels of each test.
    """
    values = np.concatenate([before, deviation])
    found = np.full(values.shape, None, dtype=object)
    held = [
        ("1-2s", np.abs(values) > 2),
        ("10-x", _same_side(values, 0, 10)),
        ("4-1s", _same_side(values, 1, 4)),
        ("R-4s", _apart(values, levels)),
        ("2-2s", _same_side(values, 2, 2)),
        ("1-3s", np.abs(values) > 3),
    ]
    for rule, mask in held:
        found[mask] = rule
    return found[len(before) :]


def _same_side(values: Numbers, limit: float, runs: int) -> _Mask:
    """Whether this and the runs before it, `runs` in all, lie beyond the limit on one side."""
    return _lasting(values > limit, runs) | _lasting(values < -limit, runs)


def _lasting(mask: _Mask, runs: int) -> _Mask:
    padded = np.concatenate([np.zeros((runs - 1, mask.shape[1]), dtype=bool), mask])
    return np.asarray(sliding_window_view(padded, runs, axis=0).all(axis=-1))


def _apart(values: Numbers, levels: int) -> _Mask:
    """Whether levels of one test in one run lie beyond two deviations on both sides."""
    tests = values.reshape(len(values), -1, levels)
    apart = np.asarray((tests > 2).any(axis=-1) & (tests < -2).any(axis=-1))
    beyond: _Mask = (np.abs(tests) > 2) & apart[..., None]
    return beyond.reshape(values.shape)
