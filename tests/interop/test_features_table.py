"""The table of peers and features in README.md says no more than what this run of the tests saw."""

import os

import features


def test_the_table_says_no_more_than_what_was_seen():
    if os.environ.get("SIPLET_TABLE") == "write":
        features.write()
    said = features.committed()
    assert set(said) == {(peer, feature) for peer in features.PEERS for feature in features.FEATURES}
    for place, cell in said.items():
        assert cell.startswith("none (") == (place in features.CANNOT), (place, cell)
    too_good = {place: cell for place, cell in said.items() if cell == features.YES} if features.seen else {}
    if os.environ.get("SIPLET_PEERS") != "required":  # else all of it has to run
        too_good = {place: cell for place, cell in too_good.items() if place in features.seen}
    too_good = {place: features.seen.get(place) for place in too_good if features.seen.get(place) != features.YES}
    assert not too_good, "the table says yes to what this run saw otherwise"
    better = [place for place, result in features.seen.items() if result == features.YES != said[place]]
    if better:
        print("better than the table says:", better)
