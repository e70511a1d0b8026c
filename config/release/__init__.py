"""The release policy: what a collection is called, who may use it, and what it accepts."""

from config.release.policy import PartitionPolicy, ReleasePolicy, load_release_policy

__all__ = ["PartitionPolicy", "ReleasePolicy", "load_release_policy"]
