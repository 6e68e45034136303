"""The census sample of the demo, its totals and draws."""

from sampled import base, census, draws, replicates, seven_states

__all__ = ["base", "census", "draws", "replicates", "seven_states"]
