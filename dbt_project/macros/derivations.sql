{#- Contacts from the CRM's customers: one derivation for the table and for live evaluation. -#}
{% macro contacts_of(customers) %}
with customers as (
    select *
    from {{ customers }}
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
{% endmacro %}

{#- What is counted of a person's events; that segments were entered or left is nothing that anybody did. -#}
{% macro contact_activity(events) %}
{%- set done_by_the_person %}
    event_name in (
        'order_created', 'order_paid', 'whatsapp_received', 'email_opened', 'email_clicked', 'email_unsubscribed'
    )
    or (event_name = 'call_logged' and properties ->> 'direction' = 'inbound')
{%- endset %}

with events as (
    select *
    from {{ events }}
    where event_name not in ('segment_entered', 'segment_exited')
),

activity as (
    select
        contact_id,
        count(*) as events_count,
        count(*) filter (where event_name = 'call_logged') as calls_count,
        max(occurred_at) filter (where event_name = 'call_logged') as last_call_at,
        count(*) filter (where event_name = 'whatsapp_received') as whatsapp_received_count,
        max(occurred_at) filter (where event_name = 'whatsapp_received') as last_whatsapp_received_at,
        {% for type in ["sent", "opened", "clicked"] -%}
        count(*) filter (where event_name = 'email_{{ type }}') as emails_{{ type }}_count,
        max(occurred_at) filter (where event_name = 'email_{{ type }}') as last_email_{{ type }}_at,
        {% endfor -%}
        max(occurred_at) filter (where {{ done_by_the_person }}) as last_seen_at
    from events
    group by contact_id
)

select * from activity
{% endmacro %}

{#- Profiles from contacts and what is counted of them. -#}
{% macro contact_profiles_of(contacts, spending, open_deals, activity) %}
with contacts as (
    select * from {{ contacts }}
),

spending as (
    select * from {{ spending }}
),

open_deals as (
    select * from {{ open_deals }}
),

activity as (
    select * from {{ activity }}
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
{% endmacro %}

{#- Where events come from: model and the name of its source. -#}
{% macro event_origins() -%}
    {{ return({
        "orders": "crm.orders",
        "calls": "crm.calls",
        "whatsapp_messages": "crm.whatsapp_messages",
        "deals": "crm.deals",
        "messages": "engage.messages",
        "sent_messages": "engage.messages",
        "segments": "engage.segments",
        "landing": "landing.events",
    }) }}
{%- endmacro %}

{#- Why a message may be left out, as the outbox says it. -#}
{% macro skip_reasons() -%}
    {{ return([
        "no_consent", "suppressed", "unsubscribed_topic", "frequency_cap", "quiet_hours_expired", "holdout",
        "excluded_segment", "no_address", "invalid_address", "duplicate_address", "render_error", "outside_window",
    ]) }}
{%- endmacro %}
