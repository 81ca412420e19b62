"""QR codes as inline SVG.

The secret in a code never becomes a file or a URL of its own.
"""

from __future__ import annotations

import io

import segno
from django.utils.safestring import SafeString, mark_safe

from theseller.lib.secret_type import Secret


def qr_svg(content: Secret) -> SafeString:
    """Draw `content` as a QR code.

    It is dark on light in every color scheme, because cameras need that.
    """
    drawn = io.BytesIO()
    segno.make(content.reveal(), error="m", micro=False).save(
        drawn,
        kind="svg",
        xmldecl=False,
        svgns=False,
        omitsize=True,
        border=4,
        dark="#000",
        light="#fff",
        svgclass="qr",
        lineclass=None,
    )
    # Made by the library of squares only; the content is in it as a pattern, not as text.
    return mark_safe(drawn.getvalue().decode())  # noqa: S308
