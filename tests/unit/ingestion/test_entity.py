"""What an entity file may say."""

import pytest

from ingestion.entity import Entity


@pytest.mark.parametrize("name", ["received_at", "batch_id", "item_number", "source_person_id"])
def test_a_column_named_like_lineage_is_refused(name: str) -> None:
    column = {"type": "string", "label_zh": "验收时间"}
    body = {"entity": "delivery", "label_zh": "到货", "grain": "one delivery", "person": True,
            "key": [name], "columns": {name: column}}  # fmt: skip
    with pytest.raises(ValueError, match=f"silver itself has columns .*{name}"):
        Entity.model_validate(body)


def test_a_reference_names_columns_that_are_there() -> None:
    columns = {"delivery_id": {"type": "string", "label_zh": "到货单号"}}
    body = {"entity": "delivery", "label_zh": "到货", "grain": "one delivery",
            "key": ["delivery_id"], "columns": columns,
            "references": [{"column": "order_id", "to": "order.order_id"}]}  # fmt: skip
    with pytest.raises(ValueError, match=r"reference names unknown columns .*order_id"):
        Entity.model_validate(body)
