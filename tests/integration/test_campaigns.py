"""Campaigns: what a person may do, what is due, and who is in the audience."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from activation.automations.cron import CronInvalid
from activation.campaigns import commands, runs
from activation.delivery import outcomes
from activation.errors import NotFound, Refused
from tests.factories import engage as given
from tests.factories.engage import NOW


def take_snapshot(db, run_id):
    return runs.snapshot(db, run_id, sender="Shop <a@b.dev>", provider="sandbox", now=NOW)


def plan(db, campaign):
    return runs.plan(db, campaign.campaign_id, campaign.next_run_at, now=NOW)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"segment": "nobody"}, NotFound, "no segment nobody. There are: everybody"),
        ({"template": "none"}, NotFound, "no template none. There are: news"),
        ({"cron": "99 9 * * *"}, CronInvalid, "'99 9 \\* \\* \\*' is no cron expression"),
        ({"time_zone": "Rome"}, CronInvalid, "'Rome' is no time zone"),
        ({"key": "Not This"}, Refused, "cannot be a key"),
        ({"name": "sale"}, Refused, "already a campaign sale"),
        ({"cron": "0 9 * * *", "at": NOW}, Refused, "not both"),
    ],
)
def test_a_wrong_campaign_is_refused_in_words_and_leaves_nothing(engage_db, wrong, error, words):
    given.add_campaign(engage_db)
    wanted = {
        "name": "Second",
        "segment": "everybody",
        "template": "news",
        "time_zone": "Europe/Rome",
        "actor": "test",
        "now": NOW,
        **wrong,
    }

    with pytest.raises(error, match=words):
        commands.create(engage_db, **wanted)

    assert [campaign.key for campaign in commands.list_campaigns(engage_db)] == ["sale"]


def test_a_broadcast_to_nobody_is_not_launched(engage_db):
    given.build(engage_db)
    given.add_segment(engage_db, "nobody", [])
    given.add_template(engage_db)
    commands.create(engage_db, name="empty", segment="nobody", template="news", time_zone="UTC", actor="test", now=NOW)

    with pytest.raises(Refused, match="segment nobody is empty"):
        commands.launch(engage_db, "empty", now=NOW)

    assert commands.find(engage_db, "empty").state == "draft"


def test_the_audience_is_frozen_with_a_reason_for_everybody_left_out(engage_db):
    campaign = given.add_campaign(engage_db, contacts=2)
    given.add_contact(engage_db, 11, None)
    given.add_contact(engage_db, 12, "not an address")
    given.add_contact(engage_db, 13, consent="unsubscribed")
    given.add_contact(engage_db, 14, consent="unknown")
    given.add_contact(engage_db, 15, "c1@mail.test.dev")
    given.add_contact(engage_db, 16)
    engage_db.execute(
        "insert into engage.suppressions (contact_id, channel, address, reason, source, evidence, created_at) "
        "values (16, 'email', 'c16@mail.test.dev', 'hard_bounce', 'test', '{}', now())"
    )
    engage_db.execute(
        "insert into engage.segment_members select 1, id, now() from unnest('{11,12,13,14,15,16,99}'::bigint[]) id"
    )

    report = take_snapshot(engage_db, plan(engage_db, campaign))

    assert report.queued == 2
    assert report.targeted == 9
    assert report.skipped == {
        "no_address": 2,
        "invalid_address": 1,
        "no_consent": 2,
        "duplicate_address": 1,
        "suppressed": 1,
    }


def test_the_snapshot_keeps_the_values_of_that_moment(engage_db):
    campaign = given.add_campaign(engage_db, contacts=1)
    take_snapshot(engage_db, plan(engage_db, campaign))
    engage_db.execute("update profiles.contact_profiles set first_name = 'Changed'")

    assert engage_db.execute("select tokens from engage.campaign_messages").fetchone() == ({"first_name": "Name1"},)


def test_a_time_is_planned_and_taken_once_however_often_it_is_asked(engage_db):
    campaign = given.add_campaign(engage_db)

    first, second = plan(engage_db, campaign), plan(engage_db, campaign)
    take_snapshot(engage_db, first)
    again = take_snapshot(engage_db, second)

    assert first == second
    assert again.targeted == 5
    assert given.states(engage_db) == {"queued": 5}
    assert runs.due(engage_db, now=NOW) == []


def test_an_automation_runs_once_for_the_times_that_passed_and_goes_on(engage_db):
    campaign = given.add_campaign(engage_db, cron="0 * * * *")
    later = NOW + timedelta(hours=5, minutes=30)

    run_id = runs.plan(engage_db, campaign.campaign_id, campaign.next_run_at, now=later)

    assert engage_db.execute("select campaign_run_id, scheduled_for from engage.campaign_runs").fetchall() == [
        (run_id, NOW + timedelta(hours=5))
    ]
    assert commands.find(engage_db, "sale").next_run_at == NOW + timedelta(hours=6)


def test_a_time_outside_the_window_is_recorded_as_missed(engage_db):
    campaign = given.add_campaign(engage_db)
    much_later = NOW + timedelta(days=2)

    assert runs.plan(engage_db, campaign.campaign_id, campaign.next_run_at, now=much_later) is None

    assert commands.find(engage_db, "sale").state == "missed"
    assert engage_db.execute("select state, reason is not null from engage.campaign_runs").fetchall() == [
        ("missed", True)
    ]


def test_an_automation_asleep_for_months_does_not_walk_through_every_minute(engage_db):
    campaign = given.add_campaign(engage_db, cron="* * * * *")
    months_later = NOW + timedelta(days=120)

    assert runs.plan(engage_db, campaign.campaign_id, campaign.next_run_at, now=months_later) is not None
    assert commands.find(engage_db, "sale").next_run_at == months_later + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("cron", "back", "next_run"),
    [
        ("0 9 * * 1", datetime(2026, 11, 26, 9, 0, tzinfo=UTC), datetime(2026, 11, 30, 8, 0, tzinfo=UTC)),
        ("0 9 * * 1-5", datetime(2026, 11, 29, 12, 0, tzinfo=UTC), datetime(2026, 11, 30, 8, 0, tzinfo=UTC)),
        ("* 9-17 * * 1-5", datetime(2027, 3, 21, 12, 0, tzinfo=UTC), datetime(2027, 3, 22, 8, 0, tzinfo=UTC)),
        ("0 9 1 * *", datetime(2026, 12, 5, 9, 0, tzinfo=UTC), datetime(2027, 1, 1, 8, 0, tzinfo=UTC)),
    ],
    ids=["weekly", "Monday to Friday", "by the minute, for months", "monthly"],
)
def test_an_automation_that_slept_past_its_window_has_missed_its_time_and_keeps_the_next(
    engage_db, cron, back, next_run
):
    campaign = given.add_campaign(engage_db, cron=cron)

    assert runs.plan(engage_db, campaign.campaign_id, campaign.next_run_at, now=back) is None

    assert engage_db.execute("select scheduled_for, state, finished_at from engage.campaign_runs").fetchall() == [
        (campaign.next_run_at, "missed", back)
    ]
    automation = commands.find(engage_db, "sale")
    assert (automation.state, automation.next_run_at) == ("scheduled", next_run)


def test_data_that_failed_its_test_stops_the_run_until_a_person_resumes_it(engage_db):
    campaign = given.add_campaign(engage_db)
    given.fail_data_test(engage_db, "contacts", now=NOW + timedelta(seconds=1))
    run_id = plan(engage_db, campaign)

    stopped = take_snapshot(engage_db, run_id)
    assert stopped.stopped == "the data test contacts failed: email_consent: 3 rows are empty"
    assert commands.find(engage_db, "sale").state == "stopped_by_guard"
    assert given.states(engage_db) == {}

    given.pass_data_tests(engage_db, now=NOW + timedelta(seconds=2))
    commands.resume(engage_db, "sale", now=NOW)
    assert take_snapshot(engage_db, run_id).queued == 5


@pytest.mark.parametrize("gone", ["everybody", "staff"])
def test_a_segment_that_is_gone_stops_the_run_whether_it_was_to_get_it_or_to_be_left_out(engage_db, gone):
    campaign = given.add_campaign(engage_db)
    staff = given.add_segment(engage_db, "staff", [4])
    engage_db.execute("update engage.campaigns set excluded_segment_ids = %s", [[staff]])
    run_id = plan(engage_db, campaign)
    engage_db.execute("update engage.segments set is_active = false where key = %s", [gone])

    assert take_snapshot(engage_db, run_id).stopped.startswith(f"these of its segments are gone: {gone};")
    assert given.states(engage_db) == {}

    engage_db.execute("update engage.segments set is_active = true")
    commands.resume(engage_db, "sale", now=NOW)
    assert take_snapshot(engage_db, run_id).queued == 4


def test_a_campaign_to_a_segment_that_is_gone_is_not_launched(engage_db):
    given.add_campaign(engage_db)
    commands.create(
        engage_db, name="Late", segment="everybody", template="news", cron=None, time_zone="Europe/Rome", actor="test", now=NOW
    )  # fmt: skip
    engage_db.execute("update engage.segments set is_active = false")

    with pytest.raises(Refused, match="late cannot be launched: these of its segments are gone: everybody"):
        commands.launch(engage_db, "late", now=NOW)


def test_messages_are_not_sent_before_their_own_test_has_seen_them(engage_db):
    campaign = given.add_campaign(engage_db)
    run_id = plan(engage_db, campaign)
    runs.snapshot(engage_db, run_id, sender="a@b.dev", provider="sandbox", now=NOW + timedelta(seconds=10))

    runs.open_for_sending(engage_db, now=NOW)
    assert engage_db.execute("select state from engage.campaign_runs").fetchone() == ("preparing",)

    given.fail_data_test(engage_db, "campaign_messages", "queued twice", now=NOW + timedelta(seconds=20))
    assert runs.open_for_sending(engage_db, now=NOW) == ["sale: the data test campaign_messages failed: queued twice"]
    assert engage_db.execute("select state from engage.campaign_runs").fetchone() == ("stopped_by_guard",)


def test_pause_resume_and_cancel_follow_the_states(engage_db):
    campaign = given.add_campaign(engage_db)
    given.begin_run(engage_db, campaign)

    assert commands.pause(engage_db, "sale", now=NOW).state == "paused"
    assert commands.resume(engage_db, "sale", now=NOW).state == "sending"
    assert commands.cancel(engage_db, "sale", now=NOW).state == "cancelled"
    assert given.states(engage_db) == {"cancelled": 5}
    for command in (commands.pause, commands.resume, commands.cancel, commands.launch):
        with pytest.raises(Refused, match="sale is cancelled"):
            command(engage_db, "sale", now=NOW)


def our_domain_is_refused(db, run_id):
    """What bounces of the run's mails tell: receivers refuse our own domain, which stops a campaign of any kind."""
    db.execute(outcomes.SQL.stop_for_our_fault, {"run_ids": [run_id], "reasons": ["SPF fails"], "now": NOW})


def states_of(db, run_id):
    campaign = db.execute(
        "select campaign.state, run.state, campaign.state_reason, run.reason, is_active from engage.campaigns campaign "
        "join engage.campaign_runs run using (campaign_id) where campaign_run_id = %s",
        [run_id],
    )
    return campaign.fetchone()


@pytest.mark.parametrize(("cron", "state"), [(None, "preparing"), ("0 9 * * *", "scheduled")])
def test_what_a_guard_stopped_in_the_middle_goes_on_when_a_person_says_so(engage_db, cron, state):
    run_id = given.begin_run(engage_db, given.add_campaign(engage_db, cron=cron))
    our_domain_is_refused(engage_db, run_id)
    assert states_of(engage_db, run_id)[:4] == ("stopped_by_guard", "stopped_by_guard", "SPF fails", "SPF fails")

    commands.resume(engage_db, "sale", now=NOW)

    assert states_of(engage_db, run_id) == (state, "preparing", None, None, True)
    given.pass_data_tests(engage_db, now=NOW + timedelta(hours=1))
    runs.open_for_sending(engage_db, now=NOW + timedelta(hours=1))
    assert states_of(engage_db, run_id)[:2] == ("scheduled" if cron else "sending", "sending")
    assert given.states(engage_db) == {"queued": 5}


def test_a_triggered_campaign_that_was_stopped_waits_to_be_triggered_again_and_sends_what_it_had(engage_db):
    run_id = given.begin_run(engage_db, given.add_campaign(engage_db))
    engage_db.execute("update engage.campaigns set kind = 'triggered', segment_id = null, state = 'scheduled'")
    our_domain_is_refused(engage_db, run_id)

    commands.resume(engage_db, "sale", now=NOW)

    assert states_of(engage_db, run_id) == ("scheduled", "sending", None, None, True)


def test_an_automation_that_was_stopped_between_two_runs_is_scheduled_again(engage_db):
    run_id = given.begin_run(engage_db, given.add_campaign(engage_db, cron="0 9 * * *"))
    engage_db.execute("update engage.campaign_runs set state = 'finished'")
    our_domain_is_refused(engage_db, run_id)
    assert states_of(engage_db, run_id)[0] == "stopped_by_guard"

    resumed = commands.resume(engage_db, "sale", now=NOW + timedelta(days=7))

    assert states_of(engage_db, run_id)[:3] == ("scheduled", "finished", None)
    assert resumed.next_run_at == datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


def hold_runs(db, times):
    """A daily automation whose runs of these times were all held, because the contacts failed their test."""
    campaign = given.add_campaign(db, cron="0 9 * * *")
    given.fail_data_test(db, "contacts", now=NOW + timedelta(seconds=1))
    for time in times:
        due = commands.find(db, "sale").next_run_at
        run_id = runs.plan(db, campaign.campaign_id, due, now=time)
        assert runs.snapshot(db, run_id, sender="a@b.dev", provider="sandbox", now=time).stopped


def runs_of(db):
    return db.execute("select state, reason, finished_at from engage.campaign_runs order by scheduled_for").fetchall()


NINE = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def test_a_held_run_of_an_automation_does_not_follow_a_newer_one_that_was_sent(engage_db):
    hold_runs(engage_db, [NINE])
    given.pass_data_tests(engage_db, now=NINE + timedelta(hours=1))
    engage_db.execute("update engage.campaigns set window_minutes = 3 * 1440")
    campaign, a_day_later = commands.find(engage_db, "sale"), NINE + timedelta(days=1)
    run_id = runs.plan(engage_db, campaign.campaign_id, campaign.next_run_at, now=a_day_later)
    assert take_snapshot(engage_db, run_id).queued == 5

    commands.resume(engage_db, "sale", now=a_day_later + timedelta(hours=2))

    assert [state for state, *_ in runs_of(engage_db)] == ["missed", "preparing"]


def test_of_an_automations_held_runs_only_the_newest_goes_on_when_a_person_resumes_it(engage_db):
    hold_runs(engage_db, [NINE, NINE + timedelta(days=1), NINE + timedelta(days=2)])
    resumed_at = NINE + timedelta(days=2, hours=1)
    engage_db.execute("update engage.campaigns set window_minutes = 2 * 1440")

    resumed = commands.resume(engage_db, "sale", now=resumed_at)

    assert runs_of(engage_db) == [
        ("missed", "it was held until its window had closed", resumed_at),
        ("missed", "it was held until a newer run took its place", resumed_at),
        ("preparing", None, None),
    ]
    assert (resumed.state, resumed.state_reason, resumed.next_run_at) == (
        "scheduled",
        None,
        NINE + timedelta(days=3),
    )


def test_an_automation_held_past_its_window_sends_nothing_late_and_keeps_its_next_time(engage_db):
    hold_runs(engage_db, [NINE])
    resumed_at = NINE + timedelta(hours=30)

    resumed = commands.resume(engage_db, "sale", now=resumed_at)

    assert runs_of(engage_db) == [("missed", "it was held until its window had closed", resumed_at)]
    assert (resumed.state, resumed.state_reason, resumed.is_active) == ("scheduled", None, True)
    assert resumed.next_run_at == NINE + timedelta(days=2)


def test_what_was_paused_and_then_stopped_needs_one_resume(engage_db):
    run_id = given.begin_run(engage_db, given.add_campaign(engage_db))
    commands.pause(engage_db, "sale", now=NOW)
    engage_db.execute("update engage.campaigns set state = 'stopped_by_guard', state_reason = 'a batch is parked'")
    engage_db.execute("update engage.campaign_runs set state = 'stopped_by_guard'")

    resumed = commands.resume(engage_db, "sale", now=NOW)

    assert (resumed.state, resumed.paused_from, resumed.is_active) == ("preparing", None, True)
    assert states_of(engage_db, run_id)[1] == "preparing"


def test_an_automation_resumed_after_a_week_does_not_catch_up(engage_db):
    given.add_campaign(engage_db, cron="0 9 * * *")
    commands.pause(engage_db, "sale", now=NOW)

    resumed = commands.resume(engage_db, "sale", now=NOW + timedelta(days=7))

    assert resumed.next_run_at == datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


def test_a_campaign_nobody_knows_is_named(engage_db):
    with pytest.raises(NotFound, match="no campaign nope"):
        commands.find(engage_db, "nope")
