"""The project's text uses standard terms (docs/develop/glossary.md).

The words of the reject list do not come back.

The samples are made from the list itself, so that this file uses none of its words.
"""

from __future__ import annotations

from tests.style.vocabulary import (
    MODULES,
    NAMES,
    PROSE,
    findings,
    names_in,
    prose_in,
    python_prose,
    template_prose,
)

_WORDS = [pattern for pattern in PROSE if pattern.isalpha()]


def test_a_rejected_name_is_found_in_modules_classes_functions_arguments_and_variables() -> None:
    module, (one, two, three, four) = next(iter(MODULES)), list(NAMES)[:4]
    text = f"class {one.title()}:\n    def first_{two}(self, {three}_at): {four} = 1\n"
    found = [finding.found for finding in names_in(f"src/theseller/{module}.py", text)]
    assert found == [module, one.title(), f"first_{two}", f"{three}_at", four]


def test_rejected_prose_is_found_in_docstrings_comments_and_messages() -> None:
    one, two, three = _WORDS[:3]
    text = (
        f'"""It is {one}."""\nmessage = f"the key {{value}} {two}"  # it {three} here\nname ='
        f' "{two}"\n'
    )
    assert [finding.found for finding in python_prose("a.py", text)] == [one, two, three]


def test_rejected_prose_is_found_in_what_a_template_shows() -> None:
    one, two, three = _WORDS[:3]
    text = (
        f'<p class="{three}" title="{one.title()} text">{{% if {three} %}}{{{{ {three} }}}}{{%'
        f' endif %}} {two}{{% translate "{one}" %}}{{% icon "{one}" _("{two}") %}}</p>'
    )
    found = [finding.found for finding in template_prose("a.html", text)]
    assert sorted(found) == sorted([one.title(), two, one, two])


def test_every_entry_of_the_list_for_prose_is_found() -> None:
    assert len(_WORDS) >= 10
    for word in _WORDS:
        assert [finding.write for finding in prose_in("a.md", 1, f"It is {word} now.")] == [
            PROSE[word]
        ]


def test_standard_terms_and_code_are_no_findings() -> None:
    text = f"A deadlock and work by hand; `theseller.{_WORDS[0]}` and {_WORDS[0]}_at are code"
    assert list(prose_in("a.md", 1, text)) == []


def test_no_rejected_word_is_used() -> None:
    assert list(map(str, findings())) == []
