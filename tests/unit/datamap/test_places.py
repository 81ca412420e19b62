"""The places of the state folder: complete words, and what is in none of them is named."""

from __future__ import annotations

from theseller.datamap.places import PLACES, looked_into, unregistered_files, unregistered_places


def test_every_place_says_whose_it_is_how_long_it_stays_and_how_it_goes() -> None:
    assert len({place.name for place in PLACES}) == len(PLACES)
    for place in PLACES:
        assert all(word.strip() for word in (place.name, place.owner, place.retention, place.eraser))


def test_what_nobody_registered_is_named() -> None:
    known = frozenset(place.name for place in PLACES)
    assert unregistered_places(known) == ()
    assert unregistered_places(known | {"exports", "a"}) == ("a", "exports")


def test_a_file_belongs_to_its_place_or_is_named() -> None:
    key = "data/01890000-0000-7000-8000-000000000000.json"
    assert unregistered_files("keys", [key, "data/.lock", "purpose/pii/.writing-0123456789abcdef", "data/notes.json", key + ".bak"]) == (
        key + ".bak", "data/notes.json",
    )  # fmt: skip
    assert "postgres" not in looked_into()
    assert {"keys", "secrets", "erasures", "audit", "backups"} <= looked_into()
