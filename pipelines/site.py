"""The evaluation systems of a site: the product's, and those the county adds for itself.

A county adds an indicator without touching the product: `indicators/<system>.yml` of its folder
holds the same kind of file as `standards/indicators/`.
"""

from ingestion.site import Site
from standards.catalogue import IndicatorSystem, load_systems


def indicator_systems(site: Site) -> list[IndicatorSystem]:
    """The product's evaluation systems and, after them, the site's own.

    Raises:
        ValueError: the site defines an indicator that the product has.
    """
    product, own = load_systems(), load_systems(site.folder / "indicators")
    taken = {indicator.id for system in product for indicator in system.indicators}
    twice = sorted({i.id for system in own for i in system.indicators} & taken)
    if twice:
        raise ValueError(f"县目录 {site.folder} 重复定义了指标 {', '.join(twice)}")
    return [*product, *own]
