with source as (
    select * from {{ source("raw_crm", "customers") }}
),

renamed as (
    select
        -- ids
        id as customer_id,

        -- text
        {{ clean_name("first_name") }} as first_name,
        {{ clean_name("last_name") }} as last_name,
        lower({{ clean_text("email") }}) as email,
        email as email_raw,
        {{ clean_text("phone") }} as phone,
        {{ clean_text("company") }} as company,
        {{ clean_text("job_title") }} as job_title,
        {{ clean_name("city") }} as city,
        upper(country)::text as country,
        time_zone,
        locale,
        plan,
        lead_source,
        tags,

        -- flags
        {{ consent("email_opt_in") }} as email_consent,
        {{ consent("whatsapp_opt_in") }} as whatsapp_consent,
        {{ consent("sms_opt_in") }} as sms_consent,

        -- times
        date_of_birth,
        coalesce(created_at, updated_at, _extracted_at) as created_at,
        coalesce(updated_at, created_at, _extracted_at) as updated_at,
        _extracted_at as extracted_at,
        _deleted_at as deleted_at
    from source
)

select * from renamed
