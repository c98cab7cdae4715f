"""Every sample is counted once, whichever workers are lost, in whatever order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgrd.cluster import shares
from mgrd.cluster.plan import MOST_LOSSES, Plan
from mgrd.errors import MgrdError, MisusedError
from mgrd.generate.job import check_shard
from mgrd.options import Generate


def wanted(count, samples=2):
    return [({"id": f"q{n}"}, {sample: 10 * n + sample for sample in range(samples)}) for n in range(count)]


def names(work):
    return [row["id"] for row, _ in work]


def test_a_worker_is_given_no_more_than_is_ahead_and_then_what_it_has_delivered_again():
    plan = Plan(wanted(20), workers=2, ahead=4)

    assert names(plan.give(0)) == ["q0", "q1"]
    assert plan.give(0) == []
    assert names(plan.give(1)) == ["q2", "q3"]
    assert [plan.deliver(0, "q0", sample) for sample in (0, 1, 1)] == [True, True, False]
    assert names(plan.give(0)) == ["q4"]
    assert plan.samples == 38


def test_the_last_questions_are_shared_out_evenly():
    plan = Plan(wanted(4), workers=2, ahead=100)

    assert (names(plan.give(0)), names(plan.give(1))) == (["q0"], ["q1"])


def test_only_the_samples_that_a_lost_worker_had_not_delivered_are_given_again():
    plan = Plan(wanted(1, samples=3), workers=1, ahead=8)
    plan.give(0)
    plan.deliver(0, "q0", 1)

    assert plan.lose(0) == []
    assert plan.give(1) == [({"id": "q0"}, {0: 0, 2: 2})]


def test_a_question_that_was_there_at_two_losses_is_tried_alone_and_given_up_at_the_third():
    plan = Plan(wanted(3), workers=1, ahead=6)
    for _ in range(2):
        plan.give(0)
        assert plan.lose(0) == []

    found = [names(plan.give(0)), plan.is_alone(0), plan.give(0), names(plan.lose(0)), names(plan.give(0))]

    assert found == [["q0"], True, [], ["q0"], ["q1"]]
    assert plan.samples == 4


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["give", "deliver", "lose"])), max_size=80))
def test_whatever_happens_every_sample_is_delivered_or_given_up_exactly_once(events):
    plan = Plan(wanted(5), workers=3, ahead=4)
    hands = {worker: [] for worker in range(3)}
    outcomes = []

    def act(worker, event):
        if event == "give":
            hands[worker] += [(row["id"], sample) for row, seeds in plan.give(worker) for sample in seeds]
        elif event == "deliver" and hands[worker]:
            outcomes.append(one := hands[worker].pop())
            assert plan.deliver(worker, *one)
        elif event == "lose":
            hands[worker].clear()
            outcomes.extend((row["id"], sample) for row, seeds in plan.lose(worker) for sample in seeds)

    for worker, event in events:
        act(worker, event)
    while plan.samples:
        before = plan.samples, len(outcomes)
        for worker, held in hands.items():
            act(worker, "give")
            while held:
                act(worker, "deliver")
        assert (plan.samples, len(outcomes)) != before

    assert sorted(outcomes) == [(f"q{n}", sample) for n in range(5) for sample in (0, 1)]
    assert not any(plan.has(worker) for worker in hands)
    assert MOST_LOSSES == 3


@pytest.mark.parametrize(
    ("resources", "gpus", "count", "each"),
    [
        ({"CPU": 64, "GPU": 8}, None, 8, {"num_cpus": 1, "num_gpus": 1}),
        ({"CPU": 4, "GPU": 8}, None, 4, {"num_cpus": 1, "num_gpus": 1}),
        ({"CPU": 64, "GPU": 8}, 2, 4, {"num_cpus": 1, "num_gpus": 2}),
        ({"CPU": 64, "GPU": 8}, 0.5, 16, {"num_cpus": 1, "num_gpus": 0.5}),
        ({"CPU": 6, "GPU": 8}, 0, 6, {"num_cpus": 1, "num_gpus": 0}),
        ({"CPU": 6}, None, 6, {"num_cpus": 1, "num_gpus": 0}),
    ],
)
def test_the_cluster_s_resources_say_how_many_workers_there_are(resources, gpus, count, each):
    assert shares(resources, gpus) == (count, each)


def test_a_cluster_without_room_for_a_worker_is_an_error():
    with pytest.raises(MgrdError, match="has 8 cores and 1 GPUs, too few for a worker of 2 GPUs"):
        shares({"CPU": 8, "GPU": 1}, 2)


def test_a_cluster_s_workers_are_not_those_of_one_machine():
    with pytest.raises(MisusedError, match="--data-parallel: is for one machine"):
        check_shard(Generate(ray="auto", data_parallel=2), overwrite=False)
