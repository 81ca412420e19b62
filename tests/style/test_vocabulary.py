"""The project's text uses standard terms (docs/develop/glossary.md); the words of the reject list do not come back."""

from __future__ import annotations

from tests.style.vocabulary import findings, names_in, prose_in, python_prose, template_prose

#: Uses that are still to be reworded. The number may only fall; at 0 this line goes.
LEFT = 458


def test_a_rejected_name_is_found() -> None:
    text = "class Visit:\n    def nudge_wishes(self, asked_at): held = 1\n"
    found = [one.found for one in names_in("src/theseller/books.py", text)]
    assert found == ["books", "Visit", "nudge_wishes", "nudge_wishes", "asked_at", "held"]


def test_rejected_prose_is_found_in_docstrings_comments_and_messages() -> None:
    text = '"""What nobody knows."""\nmessage = f"the key {dead} is gone"  # it stands here\nname = "gone"\n'
    assert [one.found for one in python_prose("a.py", text)] == ["nobody", "gone", "stands"]


def test_rejected_prose_is_found_in_what_a_template_shows() -> None:
    text = '<p class="gone" title="Nobody">{% if held %}{{ told }}{% endif %} anew</p>'
    assert [one.found for one in template_prose("a.html", text)] == ["Nobody", "anew"]


def test_standard_terms_and_code_are_no_findings() -> None:
    text = "A dead letter, a deadlock and work by hand; `theseller.nobody` and told_at are code"
    assert list(prose_in("a.md", 1, text)) == []


def test_uses_of_rejected_words_only_grow_fewer() -> None:
    found = findings()
    assert len(found) <= LEFT, f"{len(found)} uses, {LEFT} recorded: `python -m tests.style.vocabulary` lists them"
