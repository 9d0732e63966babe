{{
    config(
        materialized="incremental",
        incremental_strategy="diff",
        unique_key="contact_id",
        on_schema_change="append_new_columns",
        indexes=[{"columns": ["contact_id"], "unique": true}, {"columns": ["email"]}],
    )
}}

with customers as (
    select *
    from {{ ref("stg_crm__customers") }}
    where deleted_at is null
),

judged as (
    select
        customers.*,
        case
            when email is null then 'missing'
            when {{ is_mail_address("email") }} then 'valid'
            else 'invalid'
        end as email_status
    from customers
),

contacts as (
    select
        customer_id as contact_id,
        customer_id as crm_customer_id,
        first_name,
        last_name,
        nullif(concat_ws(' ', first_name, last_name), '') as full_name,
        case when email_status = 'valid' then email end as email,
        email_raw,
        email_status,
        case when email_status = 'valid' then split_part(email, '@', 2) end as email_domain,
        phone,
        company,
        job_title,
        city,
        country,
        time_zone,
        locale,
        date_of_birth,
        plan,
        lead_source,
        tags,
        email_consent,
        whatsapp_consent,
        sms_consent,
        created_at,
        updated_at
    from judged
)

select * from contacts
