"""A live ledger in the test's own folder."""

import pytest

from persona_lib.ledger.live import Ledger


@pytest.fixture
def opened(tmp_path):
    def make(shard=0, of=1, stage="pool", **more):
        return Ledger(tmp_path / "ledger", stage, shard=shard, of=of, **more)

    return make
