"""Membership of all segments, brought up to their views."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dagster as dg

from activation.segments import commands, live
from activation.segments.due import refresh_changed
from activation.segments.kinds.dbt_model import SegmentDefinition, segments_in
from activation.segments.refresh import RefreshReport, refresh, register, retire_all_but
from orchestration.resources import EngageDb, now
from orchestration.transformation.manifest import current_manifest

MEMBERSHIP = dg.AssetKey(["engage", "segment_members"])
READ_BY_SEGMENTS = [["profiles", "contact_profiles"], ["core", "events"]]


def membership_asset(segment: SegmentDefinition) -> dg.AssetsDefinition:
    """The asset membership/<segment>: who is in it, who entered, who left."""

    @dg.asset(
        key=["membership", segment.key],
        deps=[dg.AssetKey(list(segment.relation))],
        group_name="membership",
        kinds={"postgres", "python"},
        owners=[f"team:{segment.owner}"] if segment.owner else None,
        description=f"{segment.title}. {segment.description}",
        metadata={"dagster/table_name": "engage.segment_members", "defined_in": segment.file},
    )
    def membership(context: dg.AssetExecutionContext, engage_db: EngageDb) -> dg.MaterializeResult[Any]:
        with engage_db.connect() as db:
            with db.transaction():
                register(db, [segment], now=now())
            report = refresh(db, segment.key, now=now())
        if report.problem:
            context.log.warning(f"{segment.key} keeps its last good membership: {report.problem}")
        return dg.MaterializeResult(metadata=as_metadata(report))

    return membership


def as_metadata(report: RefreshReport) -> dict[str, Any]:
    """Numbers that the UI plots."""
    figures: dict[str, Any] = {"size": report.size, "entered": report.entered, "exited": report.exited}
    return figures | ({"problem": report.problem} if report.problem else {})


def segmentation_assets() -> list[dg.AssetsDefinition]:
    """An asset per segment model, and the tables that they are all written to."""
    segments = segments_in(current_manifest())

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                ["engage", name],
                deps=[["membership", segment.key] for segment in segments] + [["membership", "defined_on_screens"]],
                group_name="membership",
                kinds={"postgres"},
                description=words,
                metadata={"dagster/table_name": f"engage.{name}"},
            )
            for name, words in (
                ("segments", "All segments, those no longer defined retired."),
                ("segment_members", "Who is in which segment now."),
                ("segment_sizes", "Size, entries and exits of each segment at each refresh."),
            )
        ],
        name="segment_tables",
    )
    def segment_tables(engage_db: EngageDb) -> Iterator[dg.MaterializeResult[Any]]:
        with engage_db.connect() as db:
            with db.transaction():
                register(db, segments, now=now())
                retire_all_but(db, segments)
            members = db.execute("select count(*) from engage.segment_members").fetchone()
        yield dg.MaterializeResult(asset_key=["engage", "segments"], metadata={"dagster/row_count": len(segments)})
        yield dg.MaterializeResult(
            asset_key=["engage", "segment_members"],
            metadata={"dagster/row_count": members[0] if members else 0},
        )
        yield dg.MaterializeResult(asset_key=["engage", "segment_sizes"])

    @dg.asset(
        key=["membership", "defined_on_screens"],
        deps=[["membership", segment.key] for segment in segments] or READ_BY_SEGMENTS,
        check_specs=[SIZES_CHECK],
        group_name="membership",
        kinds={"postgres", "python"},
        description="Segments that people defined by rules, SQL, lists and functions: those whose inputs changed are refreshed.",
        metadata={"dagster/table_name": "engage.segment_members"},
    )
    def defined_on_screens(context: dg.AssetExecutionContext, engage_db: EngageDb) -> dg.MaterializeResult:  # type: ignore[type-arg] # Dagster reads a tuple into it
        with engage_db.connect() as db:
            if has_built(context):
                # what live evaluation saw before this run began is in the tables that the run has built
                live.settle(db, before=began_at(context))
            reports = refresh_changed(db, now=now(), beside=engage_db.connect)
            return refreshed(reports, commands.list_all(db))

    return [*(membership_asset(segment) for segment in segments), defined_on_screens, segment_tables]


def has_built(context: dg.AssetExecutionContext) -> bool:
    """Whether this very run built what segments read: not when membership alone is selected or a run goes on after a failure."""
    built = [context.instance.get_latest_materialization_event(dg.AssetKey(table)) for table in READ_BY_SEGMENTS]
    return all(event is not None and event.run_id == context.run_id for event in built)


def began_at(context: dg.AssetExecutionContext) -> datetime:
    """When the run was asked for: its extraction and its build came later."""
    record = context.instance.get_run_record_by_id(context.run_id)
    return record.create_timestamp if record else now()


SIZES_CHECK = dg.AssetCheckSpec(
    "sizes_are_believable",
    asset=dg.AssetKey(["membership", "defined_on_screens"]),
    description="No segment, of whatever kind and pace, keeps its last good membership because of its size or because its "
    "definition failed.",
)


def refreshed(reports: list[RefreshReport], segments: list[commands.Segment]) -> dg.MaterializeResult[Any]:
    """The result of refreshing several segments, with a check that names all those that keep their members as they were."""
    problems = {segment.key: segment.problem for segment in segments if segment.problem}
    return dg.MaterializeResult(
        metadata={
            "segments": len(reports),
            "entered": sum(report.entered for report in reports),
            "exited": sum(report.exited for report in reports),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=SIZES_CHECK.name,
                passed=not problems,
                severity=dg.AssetCheckSeverity.WARN,
                metadata=problems,
            )
        ],
    )
