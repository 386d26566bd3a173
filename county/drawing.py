"""A dozen lines of SVG: shapes, axes and legends, each a string.

Belongs here: how a mark is written. Not here: what is drawn (`picture.py`).
"""

from collections.abc import Sequence
from html import escape

INK, PALE_INK, GRID, PAPER = "#24313d", "#6b7a88", "#e3e8ec", "#ffffff"
BLUE, ORANGE, GREEN, RED, BAND = "#2f6f9f", "#d9822b", "#4d9078", "#b8403a", "#d5e3ee"
_FONT = (
    "'Noto Sans CJK SC','Source Han Sans SC','PingFang SC','Microsoft YaHei',"
    "'WenQuanYi Micro Hei',sans-serif"
)
Points = Sequence[tuple[float, float]]


def sheet(width: int, height: int, title: str, marks: Sequence[str]) -> str:
    """A whole picture with its title."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="{_FONT}" role="img">',
            f"<title>{escape(title)}</title>",
            rect(0, 0, width, height, PAPER),
            text(16, 28, title, size=16, weight=600),
            *marks,
            "</svg>\n",
        ]
    )


def text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, color: str = INK,
    weight: int = 400,
) -> str:  # fmt: skip
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" '
        f'font-weight="{weight}" text-anchor="{anchor}">{escape(words)}</text>'
    )


def rect(x: float, y: float, width: float, height: float, color: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}"/>'
    )


def line(points: Points, color: str, *, width: float = 1, dashed: bool = False) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width:g}"{dashes}/>'
    )


def dot(x: float, y: float, color: str, radius: float = 4) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{color}"/>'


def legend(x: float, y: float, entries: Sequence[tuple[str, str, str]]) -> list[str]:
    """Entries (label, color, mark: block, line or dashes) side by side from x on."""
    marks = []
    for label, color, mark in entries:
        marks.append(
            rect(x + 5, y - 10, 12, 12, color)
            if mark == "block"
            else line([(x, y - 4), (x + 22, y - 4)], color, width=2, dashed=mark == "dashes")
        )
        marks.append(text(x + 27, y, label, color=PALE_INK))
        x += 45 + sum(12 if ord(sign) > 255 else 7 for sign in label)
    return marks


class Axes:
    """A frame with a vertical scale from zero: places values, draws grid and labels.

    Args:
        box: Left, top, width, height of the frame.
        top: The largest value of the scale.
        step: Between the lines of the grid.
        unit: Written above the scale.
    """

    def __init__(
        self, box: tuple[float, float, float, float], top: float, step: float, unit: str
    ) -> None:
        self.left, self.upper, self.width, self.height = box
        self._top, self._step, self._unit = top, step, unit

    def y(self, value: float) -> float:
        return self.upper + self.height * (1 - value / self._top)

    def centre(self, position: int, count: int) -> float:
        """The middle of one of `count` equal columns."""
        return self.left + self.width * (position + 0.5) / count

    def bar(self, x: float, width: float, value: float, color: str, base: float = 0) -> str:
        """A column on top of `base`, `x` its middle."""
        high = self.y(base + value)
        return rect(x - width / 2, high, width, self.y(base) - high, color)

    def marks(self, labels: Sequence[str]) -> list[str]:
        """Grid, scale and the names of the columns."""
        right, found = self.left + self.width, []
        for number in range(round(self._top / self._step) + 1):
            value = number * self._step
            height = self.y(value)
            found.append(line([(self.left, height), (right, height)], GRID))
            found.append(
                text(self.left - 8, height + 4, f"{value:g}", anchor="end", color=PALE_INK)
            )
        found.append(text(self.left - 8, self.upper - 12, self._unit, anchor="end", color=PALE_INK))
        bottom = self.upper + self.height + 18
        for position, label in enumerate(labels):
            x = self.centre(position, len(labels))
            found.append(text(x, bottom, label, anchor="middle", color=PALE_INK))
        return found
