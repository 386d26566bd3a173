{#
    The latest version of every key in a silver relation: by the record's own version time where
    the entity has one, else by arrival. Equal times fall back to the place in the batch, so the
    choice is the same on every run. Nulls in a key are one value.
#}
{% macro latest_version(relation, key, version_time=none) -%}
    select *
    from {{ relation }}
    qualify row_number() over (
        partition by {{ key | join(', ') }}
        order by
            {% if version_time %}{{ version_time }} desc nulls last,{% endif %}
            received_at desc nulls last,
            batch_id desc nulls last,
            file_digest desc nulls last,
            record_number desc nulls last,
            item_number desc nulls last
    ) = 1
{%- endmacro %}
