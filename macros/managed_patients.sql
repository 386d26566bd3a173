{#
    Patients in management as of every month-end, for one disease of the chronic register: evidence
    rows of its measures. `code`: the disease in the list of chronic diseases. `is_controlled`: an
    expression on the columns of `visits`; a latest visit without the value is not controlled.

    A patient is in management from the day of registration until the register closes it, the
    patient dies or moves out of the county, and belongs to the organization that registered last.

    - `<disease>_registered`: in management.
    - `<disease>_standard`: and managed to the standard of a full year (rule `<disease>_care`): visits
      face to face, quarters with one, physical examinations and, where `is_tested` is given, visits
      with that test, this year so far.
    - `<disease>_controlled`: and in bounds at the latest visit of the year; who was not visited is not.
    - `<disease>_visited`: and visited this year.
    - `<disease>_on_schedule`: and visited face to face as often as is due within the year
      (docs/decisions/0005-visits-due-within-the-year.md, rule `chronic_visits_in_year`).

    Source: national basic public health service specification, third edition (2017). Registrations
    without a person are excluded rows of the registered measure.
#}
{% macro managed_patients(disease, code, visits, is_controlled, is_tested=none) -%}
chronic_registration as (
    select * from {{ ref('chronic_registration') }}
    where disease_code = '{{ code }}'
),

physical_examination as (
    select * from {{ ref('physical_examination') }}
),

registered as (
    select
        coverage_month.month,
        coverage_month.month_end,
        chronic_registration.organization_id,
        chronic_registration.registration_id,
        chronic_registration.registered_date,
        chronic_registration.person_id
    from chronic_registration
    inner join coverage_month
        on
            chronic_registration.registered_date <= coverage_month.month_end
            and coalesce(chronic_registration.closed_date > coverage_month.month_end, true)
    left join person on chronic_registration.person_id = person.person_id
    where
        coalesce({{ day_of('person.died_at') }} > coverage_month.month_end, true)
        and coalesce(person.moved_out_date > coverage_month.month_end, true)
),

members as (
    select * from registered
    where person_id is not null
    qualify row_number() over (
        partition by month, person_id
        order by registered_date desc, registration_id desc, organization_id desc
    ) = 1
),

visits_of_year as (
    select
        members.month,
        {{ visits }}.*,
        {{ in_rule('face_to_face_mode', visits ~ '.visit_mode_code', visits ~ '.visited_date') }}
            as is_face_to_face
    from members
    inner join {{ visits }}
        on
            members.person_id = {{ visits }}.person_id
            and members.month_end >= {{ visits }}.visited_date
            and {{ period_start_of('year', 'members.month') }} <= {{ visits }}.visited_date
),

visits_by_person as (
    select
        month,
        person_id,
        min(visited_date) as first_visited_date,
        count(*) filter (where is_face_to_face) as face_to_face_count,
        {% if is_tested %}count(*) filter (where {{ is_tested }}){% else %}0{% endif %} as test_count,
        count(distinct {{ period_start_of('quarter', 'visited_date') }})
            filter (where is_face_to_face) as quarter_count
    from visits_of_year
    group by month, person_id
),

latest_visit as (
    select
        month,
        person_id,
        visit_id,
        coalesce({{ is_controlled }}, false) as is_controlled
    from visits_of_year
    qualify row_number() over (
        partition by month, person_id
        order by visited_date desc, visit_id desc, organization_id desc
    ) = 1
),

examinations_by_person as (
    select
        members.month,
        members.person_id,
        count(*) as examination_count
    from members
    inner join physical_examination
        on
            members.person_id = physical_examination.person_id
            and members.month_end >= physical_examination.examined_date
            and {{ period_start_of('year', 'members.month') }} <= physical_examination.examined_date
    group by members.month, members.person_id
),

demand as (
    select
        month,
        {{ rule_value(disease ~ '_care', 'visits_a_year', 'month_end') }} as visits_a_year,
        {{ rule_value(disease ~ '_care', 'quarters_with_visit', 'month_end') }} as quarters_with_visit,
        {{ rule_value(disease ~ '_care', 'examinations_a_year', 'month_end') }} as examinations_a_year,
        {% if is_tested -%}
        {{ rule_value(disease ~ '_care', 'tests_a_year', 'month_end') }}
        {%- else %}0{% endif %} as tests_a_year,
        {{ rule_value('chronic_visits_in_year', 'months_between_visits', 'month_end') }}
            as months_between_visits
    from coverage_month
),

managed as (
    select
        members.organization_id,
        members.month,
        members.registration_id,
        members.person_id,
        latest_visit.visit_id,
        coalesce(latest_visit.is_controlled, false) as is_controlled,
        coalesce(visits_by_person.face_to_face_count >= demand.visits_a_year, false)
        and visits_by_person.quarter_count >= demand.quarters_with_visit
        and visits_by_person.test_count >= demand.tests_a_year
        and coalesce(examinations_by_person.examination_count, 0) >= demand.examinations_a_year
            as is_standard,
        coalesce(
            visits_by_person.face_to_face_count >= least(
                demand.visits_a_year,
                1 + floor(
                    (month(members.month) - month(visits_by_person.first_visited_date))
                    / demand.months_between_visits
                )
            ), false
        ) as is_on_schedule
    from members
    inner join demand on members.month = demand.month
    left join latest_visit
        on members.month = latest_visit.month and members.person_id = latest_visit.person_id
    left join visits_by_person
        on members.month = visits_by_person.month and members.person_id = visits_by_person.person_id
    left join examinations_by_person
        on
            members.month = examinations_by_person.month
            and members.person_id = examinations_by_person.person_id
),

{% set measures = {
    'registered': ('registration_id', 'true'),
    'standard': ('registration_id', 'is_standard'),
    'controlled': ('visit_id', 'is_controlled'),
    'visited': ('visit_id', 'visit_id is not null'),
    'on_schedule': ('visit_id', 'visit_id is not null and is_on_schedule'),
} %}
evidence as (
    {% for measure, (record_id, holds) in measures.items() -%}
    select
        '{{ disease }}_{{ measure }}' as measure_id,
        organization_id,
        month,
        {{ record_id }} as record_id,
        person_id,
        false as is_excluded
    from managed
    where {{ holds }}
    union all
    {% endfor -%}
    select
        '{{ disease }}_registered' as measure_id,
        organization_id,
        month,
        registration_id as record_id,
        person_id,
        true as is_excluded
    from registered
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
