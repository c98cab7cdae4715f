"""Names of kept answers as keys: the same as a dictionary and a set would say, in a fraction of their memory."""

from hypothesis import given
from hypothesis import strategies as st

from mgrd.answered import index, key
from mgrd.asking import text_sha, vote

NAMES = [vote(text_sha(text), number) for text in "abcde" for number in range(3)]
SOME = st.lists(st.sampled_from(NAMES))


def test_no_two_votes_share_a_key():
    names = [vote(text_sha(str(text)), number) for text in range(2000) for number in range(9)]

    assert len({key(name) for name in names}) == len(names)


@given(st.lists(SOME, max_size=4), SOME)
def test_an_index_finds_the_last_part_of_each_name_and_no_other(parts, wanted):
    lie_in = {name: number for number, names in enumerate(parts) for name in names}
    found = index(enumerate(parts))

    assert found.paths_of(wanted) == sorted({lie_in[name] for name in wanted if name in lie_in})
    assert len(found) == len(lie_in)


@given(SOME, SOME, SOME)
def test_what_is_lacking_is_taken_once(known, wanted, asked):
    left = set(wanted) - set(known)
    lacking = index([(0, known)]).lacking(wanted)

    assert len(lacking) == len(left)
    for name in asked:
        assert lacking.take(name) == (name in left)
        left.discard(name)
