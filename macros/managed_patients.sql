{#
    Managed patients as of every month-end, for one disease: evidence rows of the three measures
    `<disease>_managed`, `_standard` and `_controlled`.

    A person is managed with at least one visit in the calendar year up to the month-end, and belongs
    to the organization of the latest visit (ties: larger visit_id). Managed to standard: at least
    as many face-to-face visits (clinic or home) so far this year as are due: one, and one more for
    every three months since the first visit of the year, four at most (four a year: national basic
    public health service specification, third edition, 2017; within the year:
    docs/decisions/0005-visits-due-within-the-year.md). `is_controlled` is an
    expression on the columns of `visits`; a latest visit without the value is not controlled.
    Visits without a person are excluded rows of the managed measure.
#}
{% macro managed_patients(disease, visits, is_controlled) -%}
visits_to_date as (
    select
        coverage_month.month,
        {{ visits }}.*
    from {{ visits }}
    inner join coverage_month
        on
            {{ visits }}.visited_date <= coverage_month.month_end
            and year({{ visits }}.visited_date) = year(coverage_month.month)
),

face_to_face_by_person as (
    select
        month,
        person_id,
        count(*) filter (where visit_mode_code in ('1', '2')) as face_to_face_count,
        least(4, 1 + floor((month(month) - month(min(visited_date))) / 3)) as due_count
    from visits_to_date
    where person_id is not null
    group by month, person_id
),

latest_visit as (
    select * from visits_to_date
    where person_id is not null
    qualify row_number() over (
        partition by month, person_id
        order by visited_date desc, visit_id desc, organization_id desc
    ) = 1
),

managed as (
    select
        latest_visit.organization_id,
        latest_visit.month,
        latest_visit.visit_id as record_id,
        latest_visit.person_id,
        face_to_face_by_person.face_to_face_count
        >= face_to_face_by_person.due_count as is_standard,
        coalesce({{ is_controlled }}, false) as is_controlled
    from latest_visit
    inner join face_to_face_by_person
        on
            latest_visit.month = face_to_face_by_person.month
            and latest_visit.person_id = face_to_face_by_person.person_id
),

evidence as (
    select
        '{{ disease }}_managed' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        false as is_excluded
    from managed
    union all
    select
        '{{ disease }}_standard' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        false as is_excluded
    from managed
    where is_standard
    union all
    select
        '{{ disease }}_controlled' as measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        false as is_excluded
    from managed
    where is_controlled
    union all
    select
        '{{ disease }}_managed' as measure_id,
        organization_id,
        month,
        visit_id as record_id,
        person_id,
        true as is_excluded
    from visits_to_date
    where person_id is null
),

typed as (
    select
        measure_id,
        organization_id,
        month,
        record_id,
        person_id,
        cast(1 as decimal(18, 2)) as value,
        is_excluded
    from evidence
)
{%- endmacro %}
