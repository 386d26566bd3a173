-- One feed, entity, organization and month of events: rows received, all versions. Rows without an
-- event time belong to no month.
with

{% for entity, event_time in entity_event_times().items() %}
{{ entity }}_month as (
    select
        feed,
        '{{ entity }}' as entity,
        organization_id,
        {{ month_of(event_time) }} as month,
        count(*) as row_count
    from {{ source('silver', entity) }}
    where {{ event_time }} is not null
    group by all
),

{% endfor %}
all_entities as (
    {% for entity in entity_event_times() %}
    select * from {{ entity }}_month
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from all_entities
