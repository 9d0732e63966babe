{{ config(materialized="view") }}

with contacts as (
    select * from {{ ref("contacts") }}
),

recorded as (
    select
        contact_id,
        plan,
        city,
        country,
        company,
        job_title,
        lead_source,
        email_status,
        email_consent,
        whatsapp_consent,
        sms_consent,
        updated_at
    from contacts
)

select * from recorded
