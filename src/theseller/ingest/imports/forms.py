"""Options of the import form. The form never stores the files themselves."""

from __future__ import annotations

from django import forms


class ImportForm(forms.Form):
    """Options for the uploaded files.

    Without `confirm` the files are inspected and nothing is stored.
    """

    encoding = forms.ChoiceField(
        required=False,
        label="Character encoding",
        help_text="Change this only if product names look garbled.",
        choices=[
            ("", "Detect automatically"),
            ("utf-8", "UTF-8"),
            ("windows-1252", "Windows-1252 (Europe, Americas)"),
            ("windows-1250", "Windows-1250 (Poland)"),
            ("windows-1254", "Windows-1254 (Turkey)"),
            ("shift_jis", "Shift JIS (Japan)"),
            ("euc-jp", "EUC-JP (Japan)"),
            ("gb18030", "GB 18030 or GBK (China)"),
            ("utf-16", "UTF-16"),
        ],
    )
    confirm = forms.BooleanField(required=False)
    allow_refused_rows = forms.BooleanField(required=False)
