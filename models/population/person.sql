-- Grain: one person. Sex and birth date are the best a source gives: with a valid ID number before
-- without, then the value most sources give, then the latest received.
with

source_person as (
    select * from {{ ref('stg_source_person') }}
    where person_id is not null
),

resident as (
    select * from {{ ref('stg_resident') }}
    where person_id is not null
),

death as (
    select * from {{ ref('death') }}
    where person_id is not null
),

sex_by_person as (
    select
        person_id,
        sex_code,
        max(coalesce(has_valid_id_number, false)) as is_proven,
        count(*) as source_count,
        max(received_at) as last_received_at
    from source_person
    where sex_code in ('1', '2')
    group by person_id, sex_code
    qualify row_number() over (
        partition by person_id
        order by is_proven desc, source_count desc, last_received_at desc, sex_code asc
    ) = 1
),

birth_date_by_person as (
    select
        person_id,
        birth_date,
        max(coalesce(has_valid_id_number, false)) as is_proven,
        count(*) as source_count,
        max(received_at) as last_received_at
    from source_person
    where birth_date is not null
    group by person_id, birth_date
    qualify row_number() over (
        partition by person_id
        order by is_proven desc, source_count desc, last_received_at desc, birth_date asc
    ) = 1
),

resident_by_person as (
    select * from resident
    qualify row_number() over (
        partition by person_id order by registered_date desc, resident_id desc
    ) = 1
),

death_by_person as (
    select
        person_id,
        min(died_at) as died_at
    from death
    group by person_id
),

persons as (
    select
        person_id,
        count(*) as source_count
    from source_person
    group by person_id
),

person as (
    select
        persons.person_id,
        sex_by_person.sex_code,
        birth_date_by_person.birth_date,
        persons.source_count,
        resident_by_person.resident_id,
        resident_by_person.organization_id,
        resident_by_person.household_id,
        resident_by_person.household_relation_code,
        resident_by_person.is_permanent_resident,
        resident_by_person.is_registered_resident,
        resident_by_person.ethnicity_code,
        resident_by_person.marital_status_code,
        resident_by_person.registered_date,
        resident_by_person.moved_out_date,
        death_by_person.died_at
    from persons
    left join sex_by_person on persons.person_id = sex_by_person.person_id
    left join birth_date_by_person on persons.person_id = birth_date_by_person.person_id
    left join resident_by_person on persons.person_id = resident_by_person.person_id
    left join death_by_person on persons.person_id = death_by_person.person_id
)

select * from person
