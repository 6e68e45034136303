"""The census sample of the demo, and draws from it."""

from sampled import census, chain, draws

__all__ = ["census", "chain", "draws"]
