{{
    config(
        materialized="incremental",
        incremental_strategy="diff",
        unique_key="contact_id",
        on_schema_change="append_new_columns",
        indexes=[
            {"columns": ["contact_id"], "unique": true},
            {"columns": ["email text_pattern_ops"]},
            {"columns": ["lower(last_name) text_pattern_ops"]},
            {"columns": ["lower(first_name) text_pattern_ops"]},
            {"columns": ["country", "city"]},
        ],
    )
}}

with contacts as (
    select * from {{ ref("contacts") }}
),

spending as (
    select * from {{ ref("int_contacts__spending") }}
),

open_deals as (
    select * from {{ ref("int_contacts__open_deals") }}
),

activity as (
    select * from {{ ref("int_contacts__activity") }}
),

contact_profiles as (
    select
        contacts.contact_id,
        contacts.crm_customer_id,
        contacts.first_name,
        contacts.last_name,
        contacts.full_name,
        contacts.email,
        contacts.email_raw,
        contacts.email_status,
        contacts.email_domain,
        contacts.phone,
        contacts.company,
        contacts.job_title,
        contacts.city,
        contacts.country,
        contacts.time_zone,
        contacts.locale,
        contacts.date_of_birth,
        contacts.plan,
        contacts.lead_source,
        contacts.tags,
        contacts.email_consent,
        contacts.whatsapp_consent,
        contacts.sms_consent,
        contacts.created_at,
        contacts.updated_at,
        coalesce(spending.orders_count, 0) as orders_count,
        coalesce(spending.lifetime_value, 0) as lifetime_value,
        spending.currency,
        spending.average_order_value,
        spending.first_order_at,
        spending.last_order_at,
        spending.last_product_name,
        coalesce(open_deals.open_deals_count, 0) as open_deals_count,
        coalesce(open_deals.open_deals_amount, 0) as open_deals_amount,
        coalesce(activity.events_count, 0) as events_count,
        coalesce(activity.calls_count, 0) as calls_count,
        activity.last_call_at,
        coalesce(activity.whatsapp_received_count, 0) as whatsapp_received_count,
        activity.last_whatsapp_received_at,
        coalesce(activity.emails_sent_count, 0) as emails_sent_count,
        coalesce(activity.emails_opened_count, 0) as emails_opened_count,
        coalesce(activity.emails_clicked_count, 0) as emails_clicked_count,
        activity.last_email_sent_at,
        activity.last_email_opened_at,
        activity.last_email_clicked_at,
        activity.last_seen_at
    from contacts
    left join spending using (contact_id)
    left join open_deals using (contact_id)
    left join activity using (contact_id)
)

select * from contact_profiles
