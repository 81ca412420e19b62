"""Remove a message's link from what a mail server replied to it.

A server that refuses a message may repeat parts of it. Replies are stored for 30 days and are
shown to operators; a link that acts for its reader must not be among them.
"""

from __future__ import annotations

from theseller.mail.mail_kinds import MailContext

_LINK = "[link]"
#: Fewer characters of a link's beginning or token say nothing.
_PART_MIN = 12


def without_link(reply: str, context: MailContext) -> str:
    """Return `reply` without the link of `context` and its token.

    A beginning of either at its end counts too: a reply that is too long was cut.
    """
    link = getattr(context, "link", "") if context.secret else ""
    token = link.rstrip("/").rpartition("/")[2]
    for hidden in filter(None, (link, token)):
        reply = reply.replace(hidden, _LINK)
        for length in range(len(hidden) - 1, _PART_MIN - 1, -1):
            if reply.endswith(hidden[:length]):
                reply = reply[:-length] + _LINK
                break
    return reply
