"""The release policy: what a collection is called, who may use it, what it accepts, and what it tells of a person."""

from config.release.disclosure import DATE_WINDOW_DAYS, OVER_89, Approval, Disclosure, Lever, Representation
from config.release.policy import BatchName, PartitionPolicy, ReleasePolicy, load_release_policy
from config.release.population import Population, load_population

__all__ = [
    "DATE_WINDOW_DAYS",
    "OVER_89",
    "Approval",
    "BatchName",
    "Disclosure",
    "Lever",
    "PartitionPolicy",
    "Population",
    "ReleasePolicy",
    "Representation",
    "load_population",
    "load_release_policy",
]
