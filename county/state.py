"""Keeps a county's state in its folder, so that its days can go on.

Belongs here: `state/county.pickle`. Not here: what the state is (`build.py`). A pickle runs code
when it is read: open only counties of your own making.
"""

import pickle
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from county.profiles import apply_profile

_HERE = Path(__file__).parent
State = TypeVar("State")


class OtherVersion(ValueError):
    """The county was made by another version of the simulator."""


def version() -> str:
    """SHA-256 over the simulator's own files."""
    sources = sorted(p for p in _HERE.rglob("*") if p.suffix in (".py", ".yml"))
    content = b"".join(sha256(path.read_bytes()).digest() for path in sources)
    return sha256(content).hexdigest()


def save_state(out: Path, profile: str, state: object) -> None:
    """Put the state in the place of the one before."""
    folder = out / "state"
    folder.mkdir(exist_ok=True)
    fresh = folder / "county.pickle.new"
    with fresh.open("wb") as stream:
        pickle.dump((version(), profile), stream)
        pickle.dump(state, stream)
    fresh.replace(folder / "county.pickle")


def load_state(out: Path, kind: type[State]) -> tuple[str, State]:
    """The profile, which takes effect, and the state.

    Raises:
        FileNotFoundError: no county stands there.
        OtherVersion: another version of the simulator made it.
    """
    path = out / "state" / "county.pickle"
    if not path.is_file():
        raise FileNotFoundError(f"{out} holds no county that could advance")
    with path.open("rb") as stream:
        made_by, profile = pickle.load(stream)
        if made_by != version():
            raise OtherVersion(f"{out} was made by another version of the county; make it anew")
        apply_profile(profile)
        state = pickle.load(stream)
    assert isinstance(state, kind)
    return profile, state
