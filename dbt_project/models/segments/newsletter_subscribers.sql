with reachable as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where email_consent = 'subscribed' and email_status = 'valid'
)

select contact_id from reachable
