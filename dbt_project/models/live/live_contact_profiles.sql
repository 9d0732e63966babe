with contacts as (
    {{ contacts_of(ref("stg_crm__customers")) }}
),

activity as (
    {{ contact_activity(ref("live_events")) }}
),

live_profiles as (
    {{ contact_profiles_of("contacts", ref("int_contacts__spending"), ref("int_contacts__open_deals"), "activity") }}
)

select * from live_profiles
