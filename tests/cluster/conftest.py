"""A Ray cluster of two nodes on this machine; its tests skip where ray is not installed."""

import os
from pathlib import Path

import pytest
from stub_job import NODE


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Two nodes of one core each; a test that removes the second one adds another."""
    pytest.importorskip("ray", reason="ray is not installed: pip install 'mgrd[ray]'")
    from ray.cluster_utils import Cluster

    here = Path(__file__).parent
    before = dict(os.environ)
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, [here.parent.parent, here, here.parent]))
    os.environ["MGRD_TEST_FLAGS"] = str(tmp_path_factory.mktemp("flags"))
    made = Cluster()
    made.add_node(**NODE, include_dashboard=False)
    made.second = made.add_node(**NODE)
    yield made
    made.shutdown()
    os.environ.clear()
    os.environ.update(before)
