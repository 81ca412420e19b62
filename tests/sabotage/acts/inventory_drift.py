"""Section 5: unregistered places where data could be stored."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.conf import settings
from procrastinate.contrib.django import app
from tests.sabotage.saboteurs import Tools, breaks, sql

from theseller.crypto.key_types import Purpose
from theseller.ingest.sync import sync_step

sql(
    "pii-strip",
    "keeps a materialized view of products that no data map knows",
    "create materialized view sabotage_copy as select sku from ingest_product",
    "drop materialized view sabotage_copy",
    # It is a window through row security as well, and an unreviewed object.
    also=("cred-least-privilege", "net-tenant-isolation"),
)
sql(
    "pii-strip",
    "makes an unlogged table in a schema of its own",
    "create schema sabotage; create unlogged table sabotage.aside (note int)",
    "drop schema sabotage cascade",
)


@breaks("pii-strip", "puts an unregistered folder into the state folder")
def _folder(tools: Tools) -> Iterator[None]:
    del tools
    path = settings.ENVIRONMENT.state / "exports"
    path.mkdir()
    yield
    path.rmdir()


for _does, _broken, _repaired, _also in (
    ("adds an unclassified column", "alter table ingest_product add column sabotage text",
        "alter table ingest_product drop column sabotage", ()),
    ("drops a column that the data map names", "alter table ingest_drift drop column times_seen",
     "alter table ingest_drift add column times_seen bigint not null default 1", ()),
    ("indexes titles, and so keeps them once more",
        "create index sabotage on ingest_product (title)", "drop index sabotage", ()),
    ("indexes one partition by itself", "create index sabotage on ingest_order_line_t1 (sku)",
        "drop index sabotage", ()),
    ("makes a sequence", "create sequence sabotage", "drop sequence sabotage",
        ("cred-least-privilege",)),
    ("makes a function", ("create function guard.sabotage() returns int language sql as 'select 1';"
        " revoke all on function guard.sabotage() from public"),
     "drop function guard.sabotage()", ("cred-least-privilege", "net-tenant-isolation")),
    ("names a table like a partition", "create table ingest_order_line_t_aside (note int)",
        "drop table ingest_order_line_t_aside",
     ("cred-least-privilege", "net-tenant-isolation")),
    ("keeps a large object", "select lo_create(778899)", "select lo_unlink(778899)", ()),
    ("publishes a table to any subscriber", "create publication sabotage for table ingest_product",
        "drop publication sabotage", ()),
    ("puts a payload into a job",
     ("insert into procrastinate_jobs (queue_name, task_name, args) values ('default',"
     " 'ingest.pull', '{{\"tenant\": \"Jane Doe, 1 Main St\"}}')"),
     "delete from procrastinate_jobs where args->>'tenant' like 'Jane%'", ()),
    ("gives a job an unregistered argument",
     ("insert into procrastinate_jobs (queue_name, task_name, args) values ('default',"
     " 'ingest.pull', '{{\"address\": \"x\"}}')"),
     "delete from procrastinate_jobs where args ? 'address'", ()),
):  # fmt: skip
    sql("pii-strip", _does, _broken, _repaired, also=_also)


@breaks("pii-strip", "puts a file among the keys that is none")
def _file(tools: Tools) -> Iterator[None]:
    del tools
    path = settings.ENVIRONMENT.state / "keys" / "notes.txt"
    path.write_text("nothing\n")
    path.chmod(0o600)
    yield
    path.unlink()


@breaks("pii-strip", "makes a key for an unregistered owner")
def _owner(tools: Tools) -> Iterator[None]:
    del tools
    made = settings.KEY_STORE.create(Purpose.CLIENT_SECRET, "somebody:else")
    yield
    settings.KEY_STORE.destroy(made.id)


@breaks("pii-strip", "adds an unregistered kind of job")
def _kind_of_job(tools: Tools) -> Iterator[None]:
    tools.patch.setitem(app.tasks, "sabotage.send_away", app.tasks["ingest.pull"])
    yield


@breaks("pii-strip", "keeps a cache on the disk")
def _cache(tools: Tools) -> Iterator[None]:
    kept = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(tools.folder),
        }
    }
    tools.patch.setattr(settings, "CACHES", kept)
    yield


@breaks("pii-strip", "has a process remember answers")
def _memory(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(sync_step, "_answers", {}, raising=False)
    yield


@breaks("pii-strip", "writes a log past the redactor")
def _log(tools: Tools) -> Iterator[None]:
    handler = logging.FileHandler(tools.folder / "aside.log")
    logging.getLogger("sabotage").addHandler(handler)
    yield
    logging.getLogger("sabotage").removeHandler(handler)
    handler.close()
