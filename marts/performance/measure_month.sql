-- Grain: one measure, organization and month: the sum of its evidence rows, nothing else. Excluded
-- rows are counted, not summed. Own figures, not rolled up.
with

{% set models = [
    'evidence_outpatient', 'evidence_inpatient', 'evidence_bed', 'evidence_insurance',
    'evidence_front_page', 'evidence_hypertension', 'evidence_diabetes',
] %}
evidence as (
    {% for model in models %}
    select * from {{ ref(model) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

measure_month as (
    select
        measure_id,
        organization_id,
        month,
        cast(coalesce(sum(value) filter (where not is_excluded), 0) as decimal(18, 2)) as value,
        count(*) filter (where not is_excluded) as record_count,
        count(*) filter (where is_excluded) as excluded_count
    from evidence
    group by measure_id, organization_id, month
)

select * from measure_month
