"""The evaluation systems and dated rules of a site: the product's, and what the county says itself.

A county adds an indicator without touching the product: `indicators/<system>.yml` of its folder
holds the same kind of file as `standards/indicators/`. `rules/<subject>.yml` does the same for
`standards/rules/`, and there a county's rule takes the place of the product's of the same name.
"""

from ingestion.site import Site
from standards.catalogue import IndicatorSystem, load_systems
from standards.dated_rules import Rule, load_rules


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


def dated_rules(site: Site) -> dict[str, Rule]:
    """The product's rules, the site's own in the place of those of the same name.

    Raises:
        ValueError: a file of rules cannot be read; says which and what is wrong.
    """
    return load_rules(site.folder / "rules")
