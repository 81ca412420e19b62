"""Options of the import form. The form never stores the files themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from theseller.amazon.reports import Stated
from theseller.lib.marketplaces import Marketplace, by_code


def _day_field(label: Any) -> forms.DateField:  # noqa: ANN401 - a lazy text
    return forms.DateField(
        required=False,
        label=label,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": _("Enter a date, such as 2026-11-20.")},
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )


class ImportForm(forms.Form):
    """Options for the uploaded files.

    Without `confirm` the files are inspected and nothing is stored.
    """

    encoding = forms.ChoiceField(
        required=False,
        label=_("Character encoding"),
        help_text=_("Change this only if product names look garbled."),
        choices=[
            ("", _("Detect automatically")),
            ("utf-8", "UTF-8"),
            ("windows-1252", _("Windows-1252 (Europe, Americas)")),
            ("windows-1250", _("Windows-1250 (Poland)")),
            ("windows-1254", _("Windows-1254 (Turkey)")),
            ("shift_jis", _("Shift JIS (Japan)")),
            ("euc-jp", _("EUC-JP (Japan)")),
            ("gb18030", _("GB 18030 or GBK (China)")),
            ("utf-16", "UTF-16"),
        ],
    )
    store = forms.ChoiceField(
        required=False,
        label=_("Store"),
        help_text=_(
            "Only for Business Reports and FBA customer returns, which don't name their store."
        ),
        error_messages={"invalid_choice": _("Choose one of the stores in the list.")},
    )
    first_day = _day_field(_("First day"))
    last_day = _day_field(_("Last day"))
    confirm = forms.BooleanField(required=False)
    allow_refused_rows = forms.BooleanField(required=False)

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, stores: Sequence[Marketplace]
    ) -> None:
        super().__init__(data, label_suffix="")
        cast("forms.ChoiceField", self.fields["store"]).choices = [
            ("", _("Not chosen")),
            *((store.code, store.sales_channel) for store in stores),
        ]

    def stated(self) -> Stated:
        """Return what was stated for files that leave it open."""
        code = self.cleaned_data["store"]
        days = self.cleaned_data["first_day"], self.cleaned_data["last_day"]
        return Stated(by_code(code) if code else None, *days)
