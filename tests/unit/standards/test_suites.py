"""Suites name tables and columns that exist."""

import re

import pytest

from expectations.suite import Suite, suites
from ingestion.entity import entities
from standards.model_files import models


def columns_of(suite: Suite) -> set[str]:
    if suite.layer == "silver":
        return set(entities()[suite.table].schema())
    return {column.name for column in models()[suite.table].columns}


@pytest.mark.parametrize("suite", suites(), ids=lambda s: f"{s.layer}/{s.table}")
def test_suite_names_columns_that_exist(suite: Suite) -> None:
    known = columns_of(suite)
    for expectation in suite.expectations:
        named = {expectation.kwargs.get("column"), *expectation.kwargs.get("column_list", [])}
        assert named - {None} <= known, expectation.id


def test_rules_of_silver_read_their_own_table_only() -> None:
    for suite in suites():
        for expectation in suite.expectations:
            query = expectation.kwargs.get("unexpected_rows_query", "")
            if suite.layer == "silver":
                assert set(re.findall(r"from (\S+)", query)) <= {"{batch}"}, expectation.id
