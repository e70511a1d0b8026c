"""`curate demo`: two sites' batches of real DICOM objects on the whole road, from nothing to a published release.

It starts what it needs, lets the arrival of the batches start the runs, publishes, asks the release three questions
straight from the bucket, and does all of it again to show that nothing changes.
"""

import os
import sys
import time
from pathlib import Path

from config.settings import Settings, load_settings
from flows.demo_data import demo_batches, upload
from flows.demo_queries import answers_from_bucket
from flows.ledger import accepted_run, ledger_counts
from flows.links import report_link
from flows.prefect_server import client_environment
from flows.progress import tell
from flows.terminal import note, progress_bar, say, show_rows
from flows.up import Installation, running_services, watch
from tasks.errors import CurationError, VerificationError
from tasks.release.verify import verify_release
from tasks.store.opening import StoreName, open_named

VERSION = "2026.01"
PARTS: tuple[StoreName, ...] = ("release", "sequestered")
Batches = list[tuple[str, str]]


def run_demo(folder: Path) -> None:
    """Run the demonstration below `folder`.

    Raises
    ------
    CurationError
        If any part of it does not come out as it should.
    """
    started = time.monotonic()
    note(f"starting the local installation below {folder}")
    with running_services(folder, lambda part: note(f"  {part}")) as installation:
        os.environ["CURATE_SETTINGS"] = str(installation.settings_file.resolve())
        os.environ |= client_environment(installation.prefect_api, folder / "prefect")
        os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "ERROR"
        settings = load_settings()
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(settings.s3.credentials_file)
        batches = _upload(settings)
        _curate(batches, settings)
        _publish(settings)
        for question, rows in answers_from_bucket(settings, VERSION):
            show_rows(question, rows)
        _again(batches, settings)
        _where_to_look(installation, batches, settings)
        say(f"Done in {time.monotonic() - started:.0f} s.")
        if sys.stdin.isatty():
            say("Everything keeps running for you to look at; Ctrl-C stops it.")
            watch(installation)
        else:
            say("Everything is stopped now; `.venv/bin/curate up` brings it back with all runs in it.")


def _upload(settings: Settings) -> Batches:
    batches = demo_batches()
    with progress_bar():
        upload(batches, open_named("raw", settings), lambda done, total: tell("upload", done, total))
    return [(batch.site, batch.batch) for batch in batches]


def _curate(batches: Batches, settings: Settings) -> None:
    """Let the arrival of the batches start their runs; wait for them and show the ledgers."""
    from flows.watch import watch_arrivals  # noqa: PLC0415 -- Prefect reads its settings when it is imported

    watch_arrivals()
    with progress_bar():
        _wait([f"curate-{site}-{batch}" for site, batch in batches])
    for site, batch in batches:
        show_rows(f"Ledger of {site}/{batch}", ledger_counts(open_named("work", settings), site, batch))


def _publish(settings: Settings) -> None:
    from flows.runs import start_release  # noqa: PLC0415 -- Prefect reads its settings when it is imported

    start_release(VERSION)
    with progress_bar():
        _wait([f"release-{VERSION}"])
        problems = [
            problem
            for part in PARTS
            for problem in verify_release(
                open_named(part, settings), version=VERSION, progress=lambda done, total: tell("verify", done, total)
            )
        ]
    failures = [problem for problem in problems if not problem.is_note]
    if failures:
        raise VerificationError(f"the release has {len(failures)} differences", next_step="run `curate verify-release`")
    say(f"release {VERSION} is published and verified: every digest, count and reference agrees")


def _again(batches: Batches, settings: Settings) -> None:
    """Run everything a second time; nothing in the work or the release stores may change."""
    from flows.curate import curate_batch  # noqa: PLC0415 -- Prefect reads its settings when it is imported
    from flows.release import build_release  # noqa: PLC0415 -- Prefect reads its settings when it is imported

    before = _everything(settings)
    reports = [curate_batch(site, batch) for site, batch in batches]
    release = build_release(VERSION)
    same = before == _everything(settings) and release.unchanged and all(report.unchanged for report in reports)
    if not same:
        raise CurationError("the second run changed something", next_step="report this: a rerun must change nothing")
    say(f"second run: {len(reports)} batches and release {VERSION} unchanged, {len(before)} objects as they were")


def _everything(settings: Settings) -> list[object]:
    return [found for name in ("work", *PARTS) for found in open_named(name, settings).list()]


def _wait(names: list[str]) -> None:
    """Wait until the newest flow run of each name has ended well.

    Raises
    ------
    CurationError
        If one did not.
    """
    from flows.runs import states_of  # noqa: PLC0415 -- Prefect reads its settings when it is imported

    while True:
        states = states_of(names)
        ended = {name: state for name, state in states.items() if state.is_final()}
        tell("flow runs", len(ended), len(names))
        for name, state in ended.items():
            if not state.is_completed():
                raise CurationError(f"flow run {name} ended as {state.name}", next_step="look at it in the Prefect UI")
        if len(ended) == len(names):
            return
        time.sleep(1)


def _where_to_look(installation: Installation, batches: Batches, settings: Settings) -> None:
    site, batch = batches[0]
    run = accepted_run(open_named("work", settings), site, batch)
    show_rows(
        "Where to look",
        [
            {"what": "Prefect UI, with the runs", "where": f"{installation.ui}/runs"},
            {"what": f"Data Docs of {site}/{batch}", "where": report_link(site, batch, run, settings)},
            {"what": "Release", "where": f"{settings.release}/releases/{VERSION}/"},
            {"what": "Ledger with the site's file names", "where": f"curate ledger {site} {batch} --csv ledger.csv"},
            {"what": "Settings", "where": str(installation.settings_file)},
        ],
    )
