"""Every column of every table, and every index, by name. A column is of its table's class unless a word says otherwise: ``email:seller_personal``.

The live database is compared with this: what nobody has written down here, and thereby looked at, turns a control red. An index holds the
values of its table's columns and goes with them; ``_x`` stands for ``<table>_x``. A partition has its parent's columns and indexes.
"""

from __future__ import annotations

from theseller.datamap.types import DataClass

_COLUMNS = """
guard.audit_writer: role tag
guard.deployment: only_row environment set_at files_of files_since
guard.isolation_probe: tenant_id
guard.ticket_key: id inner_block:credentials outer_block:credentials created_at
accounts_authenticator: id:operational user_id:operational sealed data_key_id:operational last_step:operational added_at:operational confirmed_at:operational
accounts_membership: tenant_id user_id role since
accounts_operator: user_id since granted_by:evidence
accounts_passkey: id:operational user_id:operational credential_id credential sign_count:operational name:seller_personal added_at:operational answered:operational
accounts_recovery_code: set_id:operational code_hash user_id:operational made_at:operational used_at:operational
accounts_user: password:credentials last_login id email name joined_at
analytics_day: tenant_id local_day marketplace_id currency orders cancelled_orders pending_orders order_items units unpriced_units ordered_sales
    promotions refunds product_sales credits discounts refunded_sales fees advertising reimbursements unclassified net_proceeds selling_fees
    fulfilment_fees storage_fees deferred ledger_source computed_at:operational posted_orders posted_lines settled_net ordered_tax
    deferred_sales
analytics_day_product: tenant_id local_day marketplace_id sku asin currency orders units ordered_sales promotions refunds refunded_sales fees
    net_proceeds product_sales posted_orders posted_lines
audit_checkpoint: number document leaves
audit_copy: id last_number noted_at
audit_event: position id at tag actor tenant_id subject details txid db_role
auth_group: id name
auth_group_permissions: id group_id permission_id
auth_permission: id name content_type_id codename
connections_attempt: tenant_id id state_hash:credentials session_hash:credentials user_id:seller_personal marketplace_id features roles created_at
    expires_at consumed_at outcome
connections_connection: tenant_id id origin region selling_partner_id:seller_facts marketplace_ids features roles created_at authorised_at
    authorisation_expires_at seller_check seller_checked_at seller_confirmed_at
connections_disconnection: tenant_id connection_id reason actor at data_key_id
connections_key: tenant_id connection_id id purpose made_at
connections_refresh_token: tenant_id:operational connection_id:operational sealed data_key_id:operational sealed_at:operational
controls_evidence: position id control_id outcome checked summary observations code_version collected_at
django_content_type: id app_label model
django_migrations: id app name applied
django_session: session_key:credentials session_data:seller_personal expire_date
edge_ratebucket: key tokens updated_at
governance_access_review: id reviewer at until_txid until_position covers_own events failed_sign_ins note confirmed_txid
governance_access_session: tenant_id id operator reason ticket opened_at expires_at closed_at closed_how
governance_deletion_request: tenant_id id origin connections ends_shop received_at recorded_at recorded_by reference
governance_rotation: id secret reason actor step started_at moved_at finished_at details
governance_secret_age: secret fingerprint made_at noted_at actor
governance_signing_key: public_key made_at retired_at
ingest_bucket: tenant_id key connection_id tokens rate burst updated_at
ingest_dirty_day: tenant_id marketplace_id local_day marked_at
ingest_document: tenant_id id connection_id origin report_type source_key content_sha256 marketplace_ids covers_from covers_until rows_kept
    rows_skipped columns_dropped recorded_at
ingest_drift: tenant_id connection_id operation path first_seen_at last_seen_at times_seen
ingest_inventory: tenant_id marketplace_id sku condition connection_id asin fnsku fulfillable inbound reserved unfulfillable total as_of
ingest_ledger_line: tenant_id local_day source source_key source_line connection_id marketplace_id posted_at state kind transaction_type
    breakdown currency amount quantity order_id sku asin supersedes settlement_id group_id
    store_named
ingest_order_line: tenant_id local_day order_id line_key connection_id marketplace_id purchased_at last_updated_at status fulfilment is_business
    is_replacement sku asin quantity quantity_shipped currency item_price item_tax shipping_price gift_wrap_price promotion_discount source
    replacement_told carried_at
ingest_plan: tenant_id connection_id planned_for
ingest_product: tenant_id marketplace_id sku connection_id asin title updated_at
ingest_stream: tenant_id connection_id name marketplace_id cursor work_done work_total due_at lease_expires_at lease_id last_attempt_at
    last_success_at last_outcome failures_in_row fresh_until
ingest_traffic_day: tenant_id marketplace_id local_day asin connection_id sessions page_views units_ordered ordered_sales currency
    buy_box_percent
procrastinate_events: id job_id type at
procrastinate_jobs: id queue_name task_name lock args status scheduled_at attempts queueing_lock priority abort_requested worker_id
procrastinate_periodic_defers: id task_name defer_timestamp job_id periodic_id
procrastinate_workers: id last_heartbeat
retention_backup: id key_id target begun_at finished_at bytes first_segment last_segment failed key_destroyed_at
retention_certificate: tenant_id connection_id id body signature public_key issued_at
retention_drill: id backup_id begun_at finished_at passed report
retention_end_certificate: subject_id kind id body signature public_key issued_at
retention_end_link: token_hash:credentials subject_id kind made_at expires_at
retention_hold: tenant_id id reason placed_by placed_at until lifted_at lifted_by
retention_end_failure: subject_id kind failures first_at last_at retry_at reason
retention_person_end: user_id asked_at completed_at kept own_wish begun_at plan steps_done left_over erased_at erased_xid rewritten wal_from
retention_purge: tenant_id connection_id id disconnected_at begun_at plan steps_done completed_at erased_at erased_xid rewritten wal_from
retention_shop_end: tenant_id id asked_at asked_by begun_at plan steps_done left_over completed_at people erased_at erased_xid rewritten wal_from
pii.day_key: dies_on key_id made_at
pii.recipient: tenant_id:operational connection_id:operational order_id:seller_facts fetched_at:operational shipped_at:seller_facts dies_on:operational
    day_key_id:operational connection_key_id:operational sealed
tenancy_tenant: id name created_at
vault_consent: tenant_id id connection_id terms given_at given_by withdrawn_at withdrawn_by
vault_request: tenant_id connection_id order_id:seller_facts asked_at asked_by outcome done_at
"""

_INDEXES = """
guard.audit_writer: _pkey
guard.deployment: _pkey
guard.isolation_probe: _pkey
guard.ticket_key: _pkey
accounts_authenticator: _pkey _begun _used
accounts_membership: _pkey _person
accounts_operator: _pkey
accounts_passkey: _pkey _credential_id_key _person
accounts_recovery_code: _pkey _person
accounts_user: _pkey _email_any_case _email_b2644a56_like _email_key
analytics_day: _pkey
analytics_day_product: _pkey _read
audit_checkpoint: _pkey
audit_copy: _pkey
audit_event: _pkey _id_key _sealing _tag _tenant
auth_group: _pkey _name_a6ea08ec_like _name_key
auth_group_permissions: _pkey _group_id_b120cbf9 _group_id_permission_id_0cd325b0_uniq _permission_id_84c5c92e
auth_permission: _pkey _content_type_id_2f476e4b _content_type_id_codename_01ab375a_uniq
connections_attempt: _pkey _tenant_id_state_hash_key
connections_connection: _pkey
connections_disconnection: _pkey
connections_key: _pkey
connections_refresh_token: _pkey
controls_evidence: _pkey _id_key _latest
django_content_type: _pkey _app_label_model_76bd3d3b_uniq
django_migrations: _pkey
django_session: _pkey _expire_date_a5c62663 _session_key_c0390e0f_like
edge_ratebucket: _pkey _key_662d5ed1_like _updated_at_aa45f743
governance_access_review: _pkey
governance_access_session: _pkey _operator
governance_deletion_request: _pkey
governance_rotation: _pkey _open _secret
governance_secret_age: _pkey
governance_signing_key: _pkey
ingest_bucket: _pkey
ingest_dirty_day: _pkey
ingest_document: _pkey _tenant_id_report_type_source_key_key
ingest_drift: _pkey
ingest_inventory: _pkey
ingest_ledger_line: _pkey _source _supersedes _order _group _settlement _unnamed
ingest_order_line: _pkey _order
ingest_plan: _pkey
ingest_product: _pkey
ingest_stream: _pkey _due
ingest_traffic_day: _pkey
procrastinate_events: _pkey _job_id_fkey_v1
procrastinate_jobs: _pkey idx_procrastinate_jobs_worker_not_null _id_lock_idx_v1 _lock_idx_v1 _priority_idx_v1 _queue_name_idx_v1
    _queueing_lock_idx_v1
procrastinate_periodic_defers: _pkey _job_id_fkey_v1 _unique
procrastinate_workers: _pkey idx_procrastinate_workers_last_heartbeat
retention_backup: _pkey _key_id_key
retention_certificate: _pkey
retention_drill: _pkey _backup
retention_end_certificate: _pkey _id_key
retention_end_failure: _pkey
retention_end_link: _pkey _subject
retention_hold: _pkey
retention_person_end: _pkey
retention_purge: _pkey
retention_shop_end: _pkey
pii.day_key: _pkey _key_id_key
pii.recipient: _pkey _dies_on
tenancy_tenant: _pkey
vault_consent: _pkey _open
vault_request: _pkey _open
"""


def _words(text: str) -> dict[str, tuple[str, ...]]:
    """Return {schema.table: its words}; a line that begins with a space goes on with the one before, and ``public`` needs no mention."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.replace("\n    ", " ").strip().splitlines():
        table, _, words = line.partition(":")
        named = table if "." in table else f"public.{table}"
        if named in found:
            raise ValueError(f"{named} stands there twice")
        found[named] = tuple(words.split())
    return found


def _columns(words: tuple[str, ...]) -> dict[str, DataClass | None]:
    parts = (word.partition(":") for word in words)
    return {name: DataClass(said) if said else None for name, _, said in parts}


#: {schema.table: {column: its class, None for the table's own}} and {schema.table: names of indexes}.
COLUMNS: dict[str, dict[str, DataClass | None]] = {table: _columns(words) for table, words in _words(_COLUMNS).items()}
INDEXES: dict[str, frozenset[str]] = {
    table: frozenset(table.partition(".")[2] + word if word.startswith("_") else word for word in words)
    for table, words in _words(_INDEXES).items()
}
