"""Options of the import form. The form never stores the files themselves."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


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
    confirm = forms.BooleanField(required=False)
    allow_refused_rows = forms.BooleanField(required=False)
