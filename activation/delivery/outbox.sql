-- name: claim(campaign_run_id, limit, batch_size, provider, workspace, owner, lease_until, now)
-- due rows leave in batches; consent and suppression are asked again here, and the state of run and campaign
with due as materialized (
    select message.message_id, message.contact_id, message.address, message.channel, campaign.message_class
    from engage.campaign_messages message
    join engage.campaign_runs run using (campaign_run_id)
    join engage.campaigns campaign on campaign.campaign_id = run.campaign_id
    where message.campaign_run_id = :campaign_run_id and message.state = 'queued' and message.next_attempt_at <= :now
      and run.state = 'sending' and campaign.state not in ('paused', 'cancelled', 'stopped_by_guard')
    order by message.message_id
    limit :limit
    for update of message skip locked
),
checked as (
    select due.message_id,
        case
            when exists (
                select from engage.suppressions suppression
                where suppression.channel = due.channel
                  and (suppression.contact_id = due.contact_id or suppression.address = due.address)
            ) then 'suppressed'
            when due.message_class = 'marketing' and contact.email_consent is distinct from 'subscribed' then 'no_consent'
        end as reason
    from due
    left join core.contacts contact using (contact_id)
),
skipped as (
    update engage.campaign_messages message
    set state = 'skipped', reason = checked.reason, state_changed_at = :now
    from checked
    where message.message_id = checked.message_id and checked.reason is not null
),
numbered as (
    select message_id,
        (row_number() over (order by message_id) - 1) / :batch_size as batch,
        (row_number() over (order by message_id) - 1) %% :batch_size as position
    from checked
    where reason is null
),
sized as (
    select batch, count(*) as size from numbered group by batch
),
counter as (
    update engage.campaign_runs
    set last_batch_number = last_batch_number + (select count(*) from sized)
    where campaign_run_id = :campaign_run_id and exists (select from sized)
    returning last_batch_number - (select count(*) from sized) as before
),
batches as (
    insert into engage.send_batches
        (campaign_run_id, batch_number, provider, idempotency_key, state, size, lease_owner, lease_until, next_attempt_at, created_at)
    select :campaign_run_id, counter.before + sized.batch + 1, :provider,
        format('%%s/%%s/%%s', :workspace::text, :campaign_run_id::bigint, counter.before + sized.batch + 1),
        'claimed', sized.size, :owner, :lease_until, :now, :now
    from sized
    cross join counter
    returning batch_id, batch_number
)
update engage.campaign_messages message
set state = 'claimed', batch_id = batches.batch_id, batch_position = numbered.position, provider = :provider,
    state_changed_at = :now
from numbered
cross join counter
join batches on batches.batch_number = counter.before + numbered.batch + 1
where message.message_id = numbered.message_id
returning batches.batch_id;

-- name: take_over(campaign_run_id, owner, lease_until, now)
-- one batch whose turn has come and whose worker is gone; the epoch makes that worker's late words count for nothing
update engage.send_batches batch
set lease_owner = :owner, lease_until = :lease_until, lease_epoch = lease_epoch + 1
where batch_id = (
    select batch_id
    from engage.send_batches
    where campaign_run_id = :campaign_run_id and state in ('claimed', 'frozen') and next_attempt_at <= :now
      and (lease_until is null or lease_until < :now)
    order by batch_id
    limit 1
    for update skip locked
)
returning batch_id;

-- name: load_batch(batch_id, owner)
select batch_id, batch_number, provider, idempotency_key, state, size, body, lease_epoch, attempts, first_attempt_at
from engage.send_batches
where batch_id = :batch_id and lease_owner = coalesce(:owner, lease_owner);

-- name: load_messages(batch_id)
select message_id, address, tokens, template_version_id
from engage.campaign_messages
where batch_id = :batch_id and state = 'claimed'
order by batch_position;

-- name: fail_rendering(message_id, detail, now)
update engage.campaign_messages
set state = 'skipped', reason = 'render_error', reason_detail = :detail, batch_id = null, batch_position = null,
    state_changed_at = :now
where message_id = :message_id and state = 'claimed';

-- name: renumber(batch_id)
update engage.campaign_messages message
set batch_position = numbered.position
from (
    select message_id, row_number() over (order by batch_position) - 1 as position
    from engage.campaign_messages
    where batch_id = :batch_id and state = 'claimed'
) numbered
where message.message_id = numbered.message_id;

-- name: freeze(batch_id, lease_epoch, body, sha256, size)
update engage.send_batches
set state = 'frozen', body = :body, body_sha256 = :sha256, size = :size
where batch_id = :batch_id and lease_epoch = :lease_epoch and state = 'claimed';

-- name: begin_attempt(batch_id, lease_epoch, lease_until, now)
update engage.send_batches
set attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, :now), lease_until = :lease_until
where batch_id = :batch_id and lease_epoch = :lease_epoch and state = 'frozen'
returning attempts;

-- name: record_accepted(batch_id, lease_epoch, provider_message_ids, now)
with done as (
    update engage.send_batches
    set state = 'accepted', body = null, finished_at = :now, lease_until = null, problem = null
    where batch_id = :batch_id and lease_epoch = :lease_epoch and state = 'frozen'
    returning batch_id
),
answered as (
    select ordinality - 1 as position, provider_message_id
    from unnest(:provider_message_ids::text[]) with ordinality as ids (provider_message_id, ordinality)
),
sent as (
    update engage.campaign_messages message
    set state = 'sent', provider_message_id = answered.provider_message_id, sent_at = :now, state_changed_at = :now
    from done
    cross join answered
    where message.batch_id = done.batch_id and message.batch_position = answered.position and message.state = 'claimed'
    returning message.message_id, message.campaign_id, message.contact_id, message.provider
)
insert into engage.message_events
    (message_id, campaign_id, contact_id, type, occurred_at, recorded_at, provider, provider_event_id, detail)
select message_id, campaign_id, contact_id, 'sent', :now, :now, provider, format('sent/%%s', message_id), '{}'
from sent
on conflict (provider, provider_event_id) do nothing;

-- name: postpone(batch_id, lease_epoch, next_attempt_at, costs_attempt, problem)
-- the batch keeps its members, bytes and key; nobody holds it until its time comes
update engage.send_batches
set next_attempt_at = :next_attempt_at, problem = :problem, lease_owner = null, lease_until = null,
    attempts = attempts - case when :costs_attempt then 0 else 1 end
where batch_id = :batch_id and lease_epoch = :lease_epoch and state = 'frozen';

-- name: release(batch_id, lease_epoch, problem, next_attempt_at, now)
-- nothing of it was processed: its rows may leave in other batches, under other keys
with released as (
    update engage.send_batches
    set state = 'released', body = null, finished_at = :now, lease_until = null, problem = :problem
    where batch_id = :batch_id and lease_epoch = :lease_epoch and state in ('claimed', 'frozen')
    returning batch_id
)
update engage.campaign_messages message
set state = 'queued', batch_id = null, batch_position = null, next_attempt_at = :next_attempt_at, state_changed_at = :now
from released
where message.batch_id = released.batch_id and message.state = 'claimed';

-- name: refuse_one(batch_id, lease_epoch, position, words, now)
update engage.campaign_messages message
set state = 'failed', reason = 'refused by the provider', reason_detail = :words, batch_id = null, batch_position = null,
    state_changed_at = :now
from engage.send_batches batch
where batch.batch_id = :batch_id and batch.lease_epoch = :lease_epoch and batch.state = 'frozen'
  and message.batch_id = batch.batch_id and message.batch_position = :position and message.state = 'claimed';

-- name: split(batch_id, lease_epoch, workspace, words, now)
-- refused whole, and nobody knows for which mail: two halves under new keys
with parent as (
    update engage.send_batches
    set state = 'refused', body = null, finished_at = :now, lease_until = null, problem = :words
    where batch_id = :batch_id and lease_epoch = :lease_epoch and state = 'frozen'
    returning batch_id, campaign_run_id, provider, size
),
counter as (
    update engage.campaign_runs run
    set last_batch_number = last_batch_number + 2
    from parent
    where run.campaign_run_id = parent.campaign_run_id
    returning run.campaign_run_id, last_batch_number - 2 as before
),
halves as (
    insert into engage.send_batches
        (campaign_run_id, batch_number, provider, idempotency_key, state, size, next_attempt_at, created_at)
    select parent.campaign_run_id, counter.before + half, parent.provider,
        format('%%s/%%s/%%s', :workspace::text, parent.campaign_run_id, counter.before + half), 'claimed',
        case half when 1 then parent.size / 2 else parent.size - parent.size / 2 end, :now, :now
    from parent
    cross join counter
    cross join generate_series(1, 2) as half
    returning batch_id, batch_number
)
update engage.campaign_messages message
set batch_id = halves.batch_id, batch_position = batch_position - case when batch_position < parent.size / 2 then 0 else parent.size / 2 end
from parent
cross join counter
join halves on true
where message.batch_id = parent.batch_id and message.state = 'claimed'
  and halves.batch_number = counter.before + case when batch_position < parent.size / 2 then 1 else 2 end;

-- name: park(batch_id, lease_epoch, state, reason, words, now)
with parked as (
    update engage.send_batches
    set state = :state, finished_at = :now, lease_until = null, problem = :words
    where batch_id = :batch_id and lease_epoch = :lease_epoch and state = 'frozen'
    returning batch_id
)
update engage.campaign_messages message
set state = :state, reason = :reason, reason_detail = :words, state_changed_at = :now
from parked
where message.batch_id = parked.batch_id and message.state = 'claimed';

-- name: set_problem(campaign_run_id, problem)
update engage.campaign_runs set problem = :problem where campaign_run_id = :campaign_run_id and problem is distinct from :problem;

-- name: waiting(campaign_run_id)
-- when the next row or batch of the run is due, and whether any is open at all
select
    least(
        (
            select min(next_attempt_at) from engage.campaign_messages
            where campaign_run_id = :campaign_run_id and state = 'queued'
        ),
        (
            select min(greatest(next_attempt_at, coalesce(lease_until, next_attempt_at))) from engage.send_batches
            where campaign_run_id = :campaign_run_id and state in ('claimed', 'frozen')
        )
    );

-- name: sendable_runs()
-- runs to work on: those sending, and those cancelled while a batch of theirs was on its way
select run.campaign_run_id, campaign.key, campaign.name, run.sender, run.provider
from engage.campaign_runs run
join engage.campaigns campaign using (campaign_id)
where (run.state = 'sending' and campaign.state not in ('paused', 'cancelled', 'stopped_by_guard'))
   or exists (
       select from engage.send_batches batch
       where batch.campaign_run_id = run.campaign_run_id and batch.state in ('claimed', 'frozen')
         and run.state in ('sending', 'cancelled')
   )
order by run.campaign_run_id;

-- name: epoch()
select epoch from engage.database_epochs order by begun_at desc limit 1;
