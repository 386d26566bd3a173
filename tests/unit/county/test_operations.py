"""What the domains of the consortium's operation must keep true, month by month."""

import polars as pl
import pytest

from county.domains.members import LEAD
from county.scene import Scene
from tests.demo import DEMO
from tests.unit.county.domain_months import Told, scenes_of, tables

OWN = ("human_resources", "finance", "materials", "pharmacy", "office")
RESIDENTS, MONTHS = 800, 3


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return scenes_of(RESIDENTS, MONTHS)


@pytest.fixture(scope="module")
def told(scenes: list[Scene]) -> Told:
    """What each feed of these domains sends, month after month."""
    return tables(scenes, *OWN)


def together(told: Told, *feeds: str) -> pl.DataFrame:
    pieces = [piece.rows for feed in feeds for piece in told[feed]]
    return pl.concat([rows for rows in pieces if len(rows)], how="diagonal_relaxed")


def planted(told: Told, kind: str, *feeds: str) -> list[str]:
    """Keys of the planted faults of a kind."""
    pieces = [piece for feed in feeds for piece in told[feed]]
    return [fault.key for piece in pieces for fault in piece.planted if fault.kind == kind]


def test_only_feeds_about_persons_carry_persons(told: Told) -> None:
    contracts = DEMO.contracts
    for feed, pieces in told.items():
        assert ("person" in pieces[0].rows.columns) == bool(contracts[feed].person), feed


# human resources ------------------------------------------------------------------------------


def test_everyone_in_service_is_paid_and_clocked_every_month(told: Told) -> None:
    for kind in ("pay", "attendance"):
        rows = together(told, f"county_hospital__hrp__{kind}", f"consortium__hr__{kind}")
        each = rows.group_by("staff_id").len()
        assert len(each) > 20
        assert set(each["len"]) == {MONTHS}


def test_the_hrp_holds_the_lead_hospital_and_the_platform_everyone_else(told: Told) -> None:
    for kind in ("posts", "pay", "attendance"):
        own = together(told, f"county_hospital__hrp__{kind}")
        assert set(own["organization_id"]) == {LEAD}
        assert LEAD not in set(together(told, f"consortium__hr__{kind}")["organization_id"])


def test_who_is_sent_down_works_there_and_the_planted_one_stays_away(told: Told) -> None:
    changes = together(told, "consortium__hr__changes")
    idle = planted(told, "sent_down_absent", "consortium__hr__changes")
    assert idle
    sent = changes.filter(pl.col("change_kind_code") == "4")
    days = together(told, "county_hospital__hrp__attendance", "consortium__hr__attendance")
    worked = sent.join(days, on="staff_id").with_columns(
        pl.col("change_id").is_in(idle).alias("idle")
    )
    assert (worked["to_organization_id"] == worked["sent_down_organization_id"]).all()
    assert ((worked["sent_down_days"] == 0) == worked["idle"]).all()


# finance --------------------------------------------------------------------------------------

VOUCHERS = ("county_hospital__hrp__vouchers", "consortium__finance__vouchers")
BALANCES = ("county_hospital__hrp__balances", "consortium__finance__balances")


def test_every_voucher_balances(told: Told) -> None:
    entries = together(told, *VOUCHERS)
    sums = entries.group_by("voucher_id").agg(
        pl.col("debit_fen", "credit_fen").sum(), pl.col("booked_date", "organization_id").n_unique()
    )
    assert len(sums) > 100
    assert (sums["debit_fen"] == sums["credit_fen"]).all()
    assert (sums["booked_date"] == 1).all()
    assert (sums["organization_id"] == 1).all()


def test_balances_carry_forward_and_the_books_close(told: Told) -> None:
    rows = together(told, *BALANCES)
    debit = pl.when(pl.col("direction_code") == "debit").then(1).otherwise(-1)
    months = rows.group_by("organization_id", "period_month").agg(
        (pl.col("closing_fen") * debit).sum().alias("left")
    )
    assert (months["left"] == 0).all()
    later = rows.with_columns(pl.col("period_month").dt.offset_by("1mo"))
    key = ["organization_id", "account_code", "period_month"]
    joined = rows.join(later, on=key, suffix="_before")
    assert len(joined) > 50
    assert (joined["opening_fen"] == joined["closing_fen_before"]).all()


def test_income_equals_charges_but_for_the_planted_day(told: Told, scenes: list[Scene]) -> None:
    entries = together(told, *VOUCHERS)
    drugs = entries.filter(pl.col("account_code") == "41010102")
    short = planted(told, "income_below_charges", *VOUCHERS)
    assert len(short) == MONTHS
    lead = pl.col("organization_id") == LEAD
    day = pl.when(lead).then("booked_date").otherwise(pl.col("booked_date").dt.month_start())
    booked = drugs.group_by("organization_id", day.alias("day")).agg(
        pl.col("credit_fen").sum(), pl.col("entry_id").is_in(short).any().alias("is_short")
    )
    start = pl.col("start").dt.date()
    charged = pl.concat([scene.visits for scene in scenes]).group_by(
        pl.coalesce("township", "organization_id").alias("organization_id"),
        pl.when(lead).then(start).otherwise(start.dt.month_start()).alias("day"),
    ).agg(pl.col("drug_fee_fen").sum())  # fmt: skip
    joined = booked.join(charged, on=["organization_id", "day"])
    assert len(joined) == len(booked) > 60
    equal = joined["credit_fen"] == joined["drug_fee_fen"]
    assert (equal == ~joined["is_short"]).all()


def test_payroll_and_depreciation_reach_the_books(told: Told) -> None:
    entries = together(told, *VOUCHERS)
    gross = together(told, "county_hospital__hrp__pay", "consortium__hr__pay")["gross_fen"].sum()
    assert entries.filter(pl.col("account_code") == "500101")["debit_fen"].sum() == gross
    held = together(told, *BALANCES).filter(pl.col("period_month") == pl.date(2026, 1, 1))
    cards = together(told, "county_hospital__hrp__assets", "consortium__finance__assets")
    cards = cards.filter(pl.col("stated_date") == pl.date(2026, 1, 31))
    for account, column in (("1601", "original_fen"), ("1602", "accumulated_fen")):
        closing = held.filter(pl.col("account_code") == account)["closing_fen"].sum()
        assert closing == cards[column].sum() > 0


def test_costs_of_departments_sum_to_the_expenses(told: Told) -> None:
    costs = together(told, "county_hospital__hrp__costs", "consortium__finance__costs")
    spent = together(told, *VOUCHERS).filter(pl.col("account_code").str.starts_with("5"))
    assert costs["total_fen"].sum() == spent["debit_fen"].sum()
    assert (costs["allocated_fen"].sum(), costs["bed_day_count"].sum() > 0) == (0, True)


def test_what_members_owe_each_other_differs_only_where_planted(told: Told) -> None:
    entries = together(told, *VOUCHERS)
    owed = entries.filter(pl.col("kind") == 14, pl.col("account_code") == "500105")
    billed = entries.filter(pl.col("kind") == 13, pl.col("account_code") == "4609").select(
        pl.col("counterparty_organization_id").alias("organization_id"), "booked_date",
        pl.col("credit_fen").alias("billed_fen"),
    )  # fmt: skip
    joined = owed.join(billed, on=["organization_id", "booked_date"])
    differs = joined.filter(pl.col("debit_fen") != pl.col("billed_fen"))
    assert set(differs["entry_id"]) == set(planted(told, "intercompany_difference", *VOUCHERS))
    assert 0 < len(differs) < len(joined)


def test_only_the_planted_budgets_are_spent_already(told: Told) -> None:
    rows = together(told, "consortium__finance__budgets")
    over = rows.filter(pl.col("executed_wan") > pl.col("budget_wan"))
    assert set(over["budget_report_id"]) == set(
        planted(told, "over_budget", "consortium__finance__budgets")
    )
    assert set(rows["organization_id"]) == set(together(told, *BALANCES)["organization_id"])


# stores ---------------------------------------------------------------------------------------

MATERIALS = (
    ("county_hospital__hrp__stock_moves", "consortium__materials__stock_moves"),
    ("county_hospital__hrp__counts", "consortium__materials__counts"),
)


def gaps_of(told: Told, stores: tuple[tuple[str, str], tuple[str, str]]) -> pl.DataFrame:
    """Counts with what all movements up to their day add up to."""
    moved, counts = (together(told, *feeds) for feeds in stores)
    sign = pl.when(pl.col("direction_code") == "in").then(1).otherwise(-1)
    key = ["organization_id", "item_id", "lot_number"]
    pairs = counts.select("count_id", *key, "counted_date", "counted_quantity").join(moved, on=key)
    sums = pairs.filter(pl.col("moved_at").dt.date() <= pl.col("counted_date")).group_by(
        "count_id"
    ).agg((pl.col("quantity") * sign).sum().alias("moved"))  # fmt: skip
    return counts.join(sums, on="count_id", how="left")


def test_material_movements_add_up_to_the_counts_but_for_the_planted_gaps(told: Told) -> None:
    found = gaps_of(told, MATERIALS)
    assert (found["moved"] == found["book_quantity"]).all()
    gaps = found.filter(pl.col("moved") != pl.col("counted_quantity"))
    assert set(gaps["count_id"]) == set(planted(told, "count_gap", *MATERIALS[1]))
    assert len(gaps) == MONTHS
    settled = gaps.filter(pl.col("counted_date") < pl.col("counted_date").max())
    lost = together(told, *MATERIALS[0]).filter(pl.col("move_kind_code") == "loss")
    missing = (settled["book_quantity"] - settled["counted_quantity"]).to_list()
    assert sorted(lost["quantity"]) == sorted(missing)


def test_what_one_member_hands_over_another_takes_in(told: Told) -> None:
    moved = together(told, *MATERIALS[0])
    sides = [
        moved.filter(pl.col("move_kind_code") == f"transfer_{side}").select("item_id", "quantity")
        for side in ("out", "in")
    ]
    assert len(sides[0]) > 0
    assert sides[0].sort(pl.all()).equals(sides[1].sort(pl.all()))


def test_suppliers_are_paid_for_what_came_and_the_dear_purchase_is_planted(told: Told) -> None:
    lines = together(told, "consortium__materials__purchases")
    paid = together(told, "consortium__materials__settlements")
    worth = (lines["received_quantity"] * lines["unit_price_fen"]).sum()
    assert paid["amount_fen"].sum() == worth
    usual = together(told, "consortium__materials__items").select("item_id", "reference_price_fen")
    dear = lines.join(usual, on="item_id").filter(
        pl.col("unit_price_fen") > 1.5 * pl.col("reference_price_fen")
    )
    assert set(dear["purchase_line_id"]) == set(
        planted(told, "price_anomaly", "consortium__materials__purchases")
    )
    known = set(together(told, "consortium__materials__suppliers")["supplier_id"])
    assert set(lines["supplier_id"]) <= known


# drugs ----------------------------------------------------------------------------------------

DRUGS = (
    ("county_hospital__spd__stock_moves", "consortium__spd__stock_moves"),
    ("county_hospital__spd__counts", "consortium__spd__counts"),
)
DISPENSING = (
    "county_hospital__his__dispensing", "township_a__his__dispensing",
    "township_b__his__dispensing", "village_rooms__his__dispensing",
    "consortium__primary_cloud__dispensing",
)  # fmt: skip
SCANS = "consortium__trace_codes__scans"


def test_drug_movements_add_up_to_the_counts_but_for_the_planted_gaps(told: Told) -> None:
    found = gaps_of(told, DRUGS)
    assert (found["moved"] == found["book_quantity"]).all()
    gaps = found.filter(pl.col("moved") != pl.col("counted_quantity"))
    assert set(gaps["count_id"]) == set(planted(told, "count_gap", *DRUGS[1]))
    over = found.filter(pl.col("expiry_date") < pl.col("counted_date"))
    assert set(over["count_id"]) == set(planted(told, "expired_stock", *DRUGS[1]))
    assert len(over) == 2 * MONTHS


def test_stores_give_out_what_pharmacies_dispense(told: Told) -> None:
    out = together(told, *DRUGS[0]).filter(
        pl.col("move_kind_code").is_in(["issue", "transfer_out"])
    )
    drugs = out.filter(pl.col("item_id").str.starts_with("HC").not_())
    lines = together(told, *DISPENSING).filter(~pl.col("is_returned"))
    by_lot = ["item_id", "lot_number"]
    left = drugs.group_by(by_lot).agg(pl.col("quantity").sum()).sort(by_lot)
    given = lines.group_by(pl.col("drug_code").alias("item_id"), "lot_number")
    right = given.agg(pl.col("quantity").sum()).sort(by_lot)
    assert len(left) > 20
    assert left.equals(right)


def test_every_scanned_package_arrived_but_the_planted_ones(told: Told) -> None:
    scans = together(told, SCANS)
    handed = scans.filter(pl.col("scan_kind_code") == "dispense")
    arrived = scans.filter(pl.col("scan_kind_code") == "receipt")
    unknown = handed.join(arrived, on="trace_code", how="anti")
    assert set(unknown["scan_id"]) == set(planted(told, "trace_without_receipt", SCANS))
    assert len(unknown) == MONTHS
    both = handed.join(arrived, on="trace_code")
    assert (both["scanned_at"] > both["scanned_at_right"]).all()
    assert handed["trace_code"].is_unique().all()
    lines = together(told, *DISPENSING)
    assert handed.join(lines, on=["dispensing_id", "lot_number"], how="anti").is_empty()


def test_a_recalled_lot_is_still_handed_out_where_planted(told: Told) -> None:
    recalls = together(told, "consortium__spd__recalls")
    handed = together(told, SCANS).filter(pl.col("scan_kind_code") == "dispense")
    after = handed.join(recalls, on=["item_id", "lot_number"]).filter(
        pl.col("scanned_at") > pl.col("recalled_at")
    )
    assert len(recalls) == MONTHS
    assert set(after["scan_id"]) == set(planted(told, "recalled_lot", SCANS)) != set()


def test_a_reaction_follows_its_drug_and_serious_ones_are_reported_soon(told: Told) -> None:
    reports = together(told, "consortium__adverse_reactions__reports")
    lines = together(told, *DISPENSING).filter(~pl.col("is_returned"))
    lines = lines.select("encounter_id", pl.col("drug_code").alias("item_id"), "dispensed_at")
    joined = reports.join(lines, on=["encounter_id", "item_id"], how="left")
    assert len(joined) == len(reports) > MONTHS
    assert (joined["occurred_at"] > joined["dispensed_at"]).all()
    waited = reports["reported_at"] - reports["occurred_at"]
    serious = reports["severity_code"].is_in(["2", "4"])
    assert (waited.filter(serious).dt.total_days() <= 15).all()


# offices --------------------------------------------------------------------------------------

FLOWS = "consortium__oa__flow_steps"
EVENTS = ("county_hospital__quality__events", "consortium__oa__quality_events")


def test_a_step_begins_when_the_one_before_is_handled(told: Told) -> None:
    steps = together(told, FLOWS)
    before = steps.select(
        "flow_id", pl.col("step_number") + 1, pl.col("handled_at").alias("before")
    )
    joined = steps.join(before, on=["flow_id", "step_number"])
    assert len(joined) > 50
    assert (joined["arrived_at"] == joined["before"]).all()
    open_steps = steps.filter(pl.col("handled_at").is_null())
    assert set(open_steps["flow_step_id"]) == set(planted(told, "flow_not_handled", FLOWS)) != set()


def test_purchases_name_a_contract_with_their_supplier(told: Told) -> None:
    contracts = together(told, "consortium__oa__contracts")
    lines = together(told, "consortium__materials__purchases", "consortium__spd__orders")
    assert lines.join(contracts, on=["contract_id", "supplier_id"], how="anti").is_empty()


def test_only_the_planted_project_is_late(told: Told) -> None:
    rows = together(told, "consortium__oa__projects")
    late = rows.filter(
        (pl.col("planned_end_date") < pl.col("reported_date")) & (pl.col("progress_rate") < 1)
    )
    keys = planted(told, "project_overdue", "consortium__oa__projects")
    assert set(late["project_report_id"]) == set(keys) != set()


def test_a_serious_event_of_each_month_stays_open_and_others_are_closed(told: Told) -> None:
    rows = together(told, *EVENTS)
    left = planted(told, "serious_event_open", *EVENTS)
    serious = rows.filter(pl.col("event_record_id").is_in(left))
    assert set(serious["event_level_code"]) == {"1"}
    closed = rows.filter(pl.col("state_code") == "4")
    assert not set(serious["event_id"]) & set(closed["event_id"])
    assert (closed["closed_date"] > closed["rectified_date"]).all()
    early = rows.filter(pl.col("reported_at") < pl.datetime(2026, 2, 1))
    missing = set(early["event_id"]) - set(closed["event_id"])
    assert missing == set(serious["event_id"]) & set(early["event_id"])


def test_who_is_trained_works_here(told: Told, scenes: list[Scene]) -> None:
    trained = together(told, "consortium__oa__trainings")
    assert trained.join(scenes[0].staff, on=["staff_id", "organization_id"], how="anti").is_empty()
