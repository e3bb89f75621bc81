"""The promises live in the database, under their names: Alembic does not notice when a CHECK goes missing."""

import asyncpg
import pytest

from hub.infra.database import Database

CONSTRAINTS = {
    "stock_levels": {
        "no_oversell_of_what_the_hub_grants",
        "shortage_is_zero_or_exact",
        "shortage_is_not_negative",
        "reserved_is_not_negative",
        "allocated_is_not_negative",
        "incoming_is_not_negative",
        "damaged_is_not_negative",
        "quality_control_is_not_negative",
        "safety_stock_is_not_negative",
        "level_is_one_row_per_variant_and_location",
    },
    "stock_movements": {"movement_version_is_positive", "movement_kind_is_known", "adjustment_says_why"},
    "stock_movements_first": {"movements_first_are_numbered_without_gap", "movement_kind_is_known"},
    "stock_movements_default": {"movements_default_are_numbered_without_gap", "movement_kind_is_known"},
    "count_sessions": {
        "count_session_status_is_known",
        "recount_threshold_is_not_negative",
        "closed_count_session_says_when",
    },
    "count_lines": {
        "count_line_status_is_known",
        "counted_quantity_is_not_negative",
        "count_session_names_a_variant_once",
        "counted_line_says_what_and_when",
        "applied_variance_says_why",
    },
    "consignments": {
        "consignment_kind_is_known",
        "consignment_status_is_known",
        "transfer_has_two_places",
        "purchase_order_has_a_number",
        "closed_consignment_says_when",
    },
    "consignment_lines": {
        "consigned_quantity_is_not_negative",
        "received_quantity_is_not_negative",
        "extra_quantity_is_not_negative",
        "missing_quantity_is_not_negative",
        "consignment_names_a_variant_once",
        "consigned_units_arrive_or_are_missing_once",
    },
    "reservations": {
        "reservation_owner_is_known",
        "reservation_status_is_known",
        "only_orders_reserve_without_expiry",
        "resolved_reservations_say_when",
        "committed_reservations_name_their_outcome",
    },
    "reservation_lines": {"reserved_quantity_is_positive", "reservation_names_a_level_once"},
    "allocations": {"allocated_quantity_is_positive", "allocation_is_one_row_per_holder"},
    "unfilled_demand": {"unfilled_quantity_is_positive", "unfilled_demand_is_noted_once"},
    "bundle_components": {
        "bundle_names_a_component_once",
        "bundle_is_no_component_of_itself",
        "component_quantity_is_positive",
    },
    "order_line_components": {"order_line_names_a_component_once", "sold_component_quantity_is_positive"},
    "idempotency_keys": {"idempotency_key_is_unique_per_principal", "idempotency_key_is_short"},
    "work_items": {"work_state_is_known", "work_is_one_row_per_subject"},
    "relay_state": {"relay_state_is_one_row"},
    "orders": {
        "channel_order_is_captured_once",
        "order_status_is_known",
        "order_hold_is_known",
        "order_method_is_known",
    },
    "order_lines": {
        "order_line_is_captured_once",
        "line_units_are_accounted_for",
        "ordered_quantity_is_positive",
        "order_line_kind_is_known",
        "order_line_fulfiller_is_known",
    },
    "order_payments": {"payment_reference_is_kept_once"},
    "order_return_lines": {"returned_quantity_is_positive", "return_condition_is_known"},
    "pos_facts": {
        "terminal_receipt_is_recorded_once",
        "reservation_is_sold_by_one_receipt",
        "recorded_sale_has_its_order",
        "pos_fact_kind_is_known",
    },
    "pos_return_lines": {"pos_return_line_is_recorded_once", "pos_return_links_what_came_back"},
    "fulfillment_orders": {"fulfillment_status_is_known", "fulfillment_method_is_known"},
    "fulfillment_order_lines": {"fulfillment_quantity_is_positive", "fulfillment_order_has_a_line_once"},
    "routing_decisions": {"routing_runs_of_an_order_are_numbered"},
    "routing_rejections": {"a_location_rejects_an_order_once"},
    "rfid_sessions": {
        "rfid_purpose_is_known",
        "rfid_status_is_known",
        "closed_rfid_sessions_say_when",
        "counts_belong_to_no_transfer",
        "only_closed_reads_are_booked",
    },
    "rfid_tags": {"an_item_is_read_once_per_session"},
    "rfid_lines": {
        "rfid_session_has_a_variant_once",
        "a_proposal_says_what_it_replaces",
        "only_proposals_are_applied",
        "read_units_are_not_negative",
        "proposed_count_is_not_negative",
    },
    "inbox": {"channel_event_is_received_once", "parked_event_says_why", "only_waiting_events_are_unprocessed"},
    "listing_stock": {"listing_is_published_once_per_place", "published_stock_is_not_negative"},
    "channel_pushes": {"channel_is_told_once"},
    "customer_identities": {"channel_account_names_its_channel"},
    "loyalty_transactions": {"points_move_once_per_source"},
    "loyalty_entries": {"entry_moves_points", "points_conserve"},
    "loyalty_balances": {"member_never_overdraws"},
    "loyalty_lots": {
        "order_line_has_one_lot_per_programme",
        "lot_adds_up",
        "lot_earns_at_most_what_was_granted",
        "lot_reverses_at_most_what_was_earned",
    },
}
UNIQUE_INDEXES = {
    "one_open_count_task_per_level",
    "purchase_order_number_is_used_once",
    "verified_identity_points_at_one_customer",
}
APPEND_ONLY = ["stock_movements", "order_events", "audit_log", "loyalty_entries", "loyalty_transactions"]


@pytest.mark.parametrize("table", sorted(CONSTRAINTS))
async def test_the_promises_of_a_table_are_enforced_by_name(database: Database, table: str) -> None:
    connection = await asyncpg.connect(database.url)
    rows = await connection.fetch(
        "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND convalidated AND conenforced", table
    )
    await connection.close()
    assert {row["conname"] for row in rows} >= CONSTRAINTS[table]


async def test_partial_uniqueness_is_enforced_by_name(database: Database) -> None:
    connection = await asyncpg.connect(database.url)
    rows = await connection.fetch(
        "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indisunique AND indisvalid"
    )
    await connection.close()
    assert {row["relname"] for row in rows} >= UNIQUE_INDEXES


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_history_cannot_be_rewritten(database: Database, table: str) -> None:
    """UPDATE is bit 4 and DELETE bit 3 of a trigger's type."""
    connection = await asyncpg.connect(database.url)
    kinds = await connection.fetchval(
        "SELECT bit_or(tgtype) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
        " WHERE tgrelid = $1::regclass AND proname = 'hub_append_only'",
        table,
    )
    await connection.close()
    assert kinds is not None
    assert kinds & 8
    assert kinds & 16


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        ("reserved = 1", "no_oversell_of_what_the_hub_grants"),
        ("shortage = 1", "shortage_is_zero_or_exact"),
        ("reserved = 3, shortage = 4", "shortage_is_zero_or_exact"),
        ("allocated = -1", "allocated_is_not_negative"),
    ],
)
async def test_no_program_can_break_a_stock_promise(database: Database, change: str, promise: str) -> None:
    connection = await asyncpg.connect(database.url)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute("INSERT INTO stock_levels (variant_id, location_id) VALUES (uuidv7(), uuidv7())")
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await connection.execute(f"UPDATE stock_levels SET {change}")
    await connection.close()
    assert caught.value.constraint_name == promise
