"""What each command of the command line does, as plain functions that import what only they need."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from config.errors import ConfigError
from config.keys import load_key_ring, write_key_ring
from config.settings import Settings, load_settings, settings_file
from flows.processes import answers
from flows.progress import tell
from flows.report import BatchReport, rule_rows, todays_version
from flows.terminal import note, progress_bar, say, say_json, show_rows
from tasks.errors import StoreError, VerificationError

if TYPE_CHECKING:
    from minisign import PublicKey

    from tasks.store.opening import StoreName

FOLDER = Path(".curate")
STORES: tuple["StoreName", ...] = ("raw", "work", "release", "sequestered")


def settings(**given: str | Path | None) -> Settings:
    """Load the settings with the words of the command line over them."""
    words = {name: None if value is None else str(value) for name, value in given.items()}
    return load_settings(None, **words)


def up(folder: Path, *, check: bool, as_json: bool) -> None:
    """Start everything and wait, or say what is healthy.

    Raises
    ------
    StoreError
        If a part does not come up, ends by itself, or (with `check`) does not answer.
    """
    from flows.up import health, running_services, watch

    if check:
        parts = health(folder)
        if as_json:
            say_json(parts)
        else:
            show_rows("Health", [{"part": name, "healthy": "yes" if well else "NO"} for name, well in parts.items()])
        if not all(parts.values()):
            raise StoreError("not everything is healthy", next_step="start it with `curate up`")
        return
    with running_services(folder, lambda part: note(f"starting {part}")) as installation:
        say(f"Prefect UI     {installation.ui}")
        say(f"Settings file  {installation.settings_file}")
        say("Ctrl-C stops everything.")
        watch(installation)
        note("stopping")


def demo(folder: Path) -> None:
    """Run the demonstration from nothing."""
    from flows.demo import run_demo

    run_demo(folder)


def keys_new(file: Path) -> None:
    """Make a key ring."""
    write_key_ring(file)
    say(f"wrote {file}; keep a copy where it cannot be lost, and never in the repository or the data")


def keys_new_signing(file: Path) -> None:
    """Make a signing key."""
    from config.signing import write_signing_key

    write_signing_key(file)
    say(f"wrote {file}, which is secret, and {file}.pub: publish that one where readers know it to be yours")


def keys_check(given: Settings, *, as_json: bool) -> None:
    """Load the key ring and name its versions."""
    ring = load_key_ring(given.key_ring)
    answer = {"current": ring.current, "versions": sorted(ring.keys)}
    if as_json:
        say_json(answer)
    else:
        say(f"key ring is sound: version {ring.current} of {len(ring.keys)} is current")


def doctor(given: Settings, *, as_json: bool) -> None:
    """Examine every configured store.

    Raises
    ------
    VerificationError
        If a check failed.
    """
    from tasks.store.doctor import examine
    from tasks.store.opening import open_named

    names = [name for name in STORES if getattr(given, name)]
    checks = [
        {"store": name, "check": check.name, "ok": check.ok, "detail": check.detail, "next step": check.next_step}
        for name in names
        for check in examine(open_named(name, given), writable=name != "raw")
    ]
    if as_json:
        say_json({"checks": checks})
    else:
        show_rows("Stores", checks)
    failed = sum(not check["ok"] for check in checks)
    if failed or not checks:
        raise VerificationError(f"{failed} of {len(checks)} checks failed", next_step="see the next step of each")


def intake(site: str, batch: str, given: Settings, *, as_json: bool) -> None:
    """Plan a batch and show the plan."""
    from tasks import running

    plan = running.intake(site, batch, given)
    answer = {
        "run": plan.run, "raw objects": plan.objects, "clinical tables": plan.tables,
        "bytes": plan.size_bytes, "shards": len(plan.shards),
    }  # fmt: skip
    if as_json:
        say_json(answer)
    else:
        show_rows(f"Plan of {site}/{batch}", [answer])


def profile_site(  # noqa: PLR0913 -- each is an option of the command
    site: str, batch: str, given: Settings, codebook: Path | None, out: Path | None, *, as_json: bool
) -> None:
    """Draft the file of a site and show what it proposes."""
    from flows.profile_site import profile_site as profile

    made = profile(site, batch, given, codebook, out)
    if as_json:
        say_json({"file": made.path, "columns": made.rows, "decisions": made.decisions})
        return
    show_rows(f"{site}/{batch}: proposed columns", made.rows)
    show_rows("A person must decide", [{"": number, "what": text} for number, text in enumerate(made.decisions, 1)])
    say(f"wrote {made.path}: {made.used} of {len(made.rows)} columns are read")
    say(f"next: decide what its first lines list, then run `curate batch {site} {batch}`")


def report(  # noqa: PLR0913 -- each is an option of the command
    site: str, batch: str, given: Settings, folder: Path, run: str | None, *, as_json: bool
) -> None:
    """Copy the report of a batch for its contributor."""
    from flows.contributor_report import copy_report
    from tasks.store.opening import open_named

    paths = copy_report(open_named("work", given), (site, batch, run), folder)
    note("they name the site's files and columns: keep them as you keep the data")
    if as_json:
        say_json({"files": paths})
    else:
        show_rows("Report", [{"file": path} for path in paths])


def batch(site: str, batch: str, given: Settings, *, local: bool, as_json: bool) -> None:
    """Run one batch to its end and show where every input ended."""
    with progress_bar():
        report = _runner(given, local=local)(site, batch)
    if as_json:
        say_json(report.as_dict())
        return
    show_rows(
        f"{site}/{batch}: where every input ended", [{"status": s, "objects": n} for s, n in report.counts.items()]
    )
    show_rows("Rules", rule_rows(report.rules))
    say(f"run {report.run}" + (" stands: nothing changed" if report.unchanged else " accepted"))
    say(f"next: `curate report {site} {batch} --to FOLDER` copies what was found in its rows, and what to send")


def _runner(given: Settings, *, local: bool) -> Callable[[str, str], BatchReport]:
    """Give what runs a batch: the Prefect flow where a server is configured, the process pool otherwise.

    Raises
    ------
    StoreError
        If the configured server does not answer.
    """
    if local or not use_prefect(given):
        from flows.local import curate_locally

        return lambda site, batch: curate_locally(site, batch, given)
    from flows.curate import curate_batch

    return curate_batch


def use_prefect(given: Settings) -> bool:
    """Tell whether a Prefect server is configured, and let Prefect and the flow's own settings find it.

    Raises
    ------
    StoreError
        If it is configured and does not answer.
    """
    url = os.environ.get("PREFECT_API_URL") or given.prefect_api_url
    if not url:
        note("no Prefect server is configured: running locally (`curate up` starts one)")
        return False
    if not answers(f"{url}/health"):
        raise StoreError(
            "the Prefect server does not answer",
            next_step="start it with `curate up`, or add --local to run without it",
        )
    os.environ["PREFECT_API_URL"] = url
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "flows,tasks")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "WARNING")
    words = given.model_dump(by_alias=True)
    os.environ |= {f"CURATE_{name.upper()}": str(words[name]) for name in (*STORES, "sites", "keys")}
    return True


def ledger(site: str, batch: str, given: Settings, csv: Path | None, *, as_json: bool) -> None:
    """Show, or write as CSV, where every input of a batch's accepted run ended."""
    from flows.ledger import ledger_counts, write_ledger_csv
    from tasks.store.opening import open_named

    work = open_named("work", given)
    if csv is not None:
        rows = write_ledger_csv(work, site, batch, csv)
        note(f"wrote {rows} rows to {csv}; they hold the site's own file names")
    counts = ledger_counts(work, site, batch)
    if as_json:
        say_json(counts)
    else:
        show_rows(f"Ledger of {site}/{batch}", counts)


def crosswalk(site: str, batch: str, given: Settings, uids: Path, patients: Path) -> None:
    """Write old and new UIDs and patient ids of a batch's accepted run to two files outside the stores."""
    from config.site import load_site
    from flows import crosswalk as files
    from tasks.store.opening import open_named

    ring = load_key_ring(given.key_ring)
    stores = {str(name): open_named(name, given) for name in STORES if getattr(given, name)}
    paths = [files.require_outside(path, stores) for path in (uids, patients)]
    files.require_distinct(paths)
    found = files.read_crosswalk(open_named("work", given), site, batch)
    files.require_key(ring, load_site(given.sites, site).id_issuer, *found)
    for path, pairs in zip(paths, found, strict=True):
        files.write_pairs(path, pairs)
        note(f"wrote {len(pairs)} rows to {path}; they lead from the released data back to the person")


def explain(
    cell: tuple[str, str, str],
    where: tuple[str | None, str | None],
    given: Settings,
    *,
    private: bool,
    as_json: bool,
) -> None:
    """Show where a cell comes from, in each batch that has its row."""
    from flows.explain import Cell
    from flows.explain import explain as explain_cell
    from flows.explain_source import source_of
    from tasks.store.opening import open_named

    work = open_named("work", given)
    answers = []
    for one in explain_cell(work, Cell(*cell), *where):
        answers.append(one.as_dict())
        if private:
            source = source_of(one, (open_named("raw", given), work), given, load_key_ring(given.key_ring))
            answers[-1] |= {f"source {name}": value for name, value in source.items()}
    if private:
        note("source cells are identifiable: keep this answer as you keep the raw data")
    if as_json:
        say_json({"cells": answers})
        return
    for answer in answers:
        show_rows(answer["batch"], [{"": name, "what": value} for name, value in answer.items()])


def score_midib(  # noqa: PLR0913 -- each is an option of the command
    key: Path,
    folder: Path,
    *,
    uids: Path,
    patients: Path,
    source: Path | None,
    discrepancies: Path | None,
    as_json: bool,
) -> None:
    """Score a de-identified folder against an answer key in the layout of the MIDI-B challenge."""
    from flows.scoring.score import Scored, read_identifiers, score
    from flows.scoring.tables import tables_of

    figures = score(Scored(key, folder, read_identifiers(uids, patients), source, discrepancies))
    if discrepancies is not None:
        note(f"wrote the failed checks to {discrepancies}; they hold values of the source")
    if as_json:
        say_json(figures)
        return
    for title, rows in tables_of(figures):
        show_rows(title, rows)


def release(  # noqa: PLR0913 -- each is an option of the command
    version: str | None, batches: Sequence[str], given: Settings, *, local: bool, dry_run: bool, as_json: bool
) -> None:
    """Build and publish a release of these batches, or of all, or show what it would hold."""
    from tasks import running

    name = version or todays_version()
    with progress_bar():
        if dry_run:
            answer = running.plan_publication(name, given, batches).as_dict()
        elif local or not use_prefect(given):
            answer = running.publish(
                name, given, lambda done, total: tell("copy", done, total), batches=batches
            ).as_dict()
        else:
            from flows.release import build_release

            answer = build_release(name, list(batches) or None).as_dict()
    if as_json:
        say_json(answer)
    else:
        show_rows("Plan of a release" if dry_run else "Release", [{"": k, "value": v} for k, v in answer.items()])


def verify_release(
    given: Settings,
    version: str | None,
    sample: int | None,
    with_: tuple[Path | None, tuple[str, ...]],
    *,
    as_json: bool,
) -> None:
    """Check a release.

    Parameters
    ----------
    with_
        The file that remembers what was read, and public keys, each a file or its base64.

    Raises
    ------
    VerificationError
        If anything differs.
    """
    from tasks.release.verify import verify_release as verify
    from tasks.store.opening import open_named

    store, trusted = open_named("release", given), [_public_key(one) for one in with_[1]]
    with progress_bar():
        problems = verify(
            store,
            version=version,
            sample=sample,
            state=with_[0],
            progress=lambda done, total: tell("verify", done, total),
            trusted=trusted,
        )
    differences, notes = (
        [
            {"check": problem.check, "place": problem.place, "detail": problem.detail}
            for problem in problems
            if problem.is_note is is_note
        ]
        for is_note in (False, True)
    )
    if as_json:
        say_json({"problems": differences, "notes": notes})
    else:
        show_rows("Differences", differences)
        show_rows("Notes", notes)
    if differences:
        raise VerificationError(f"differences: {len(differences)}", next_step=_what_to_do(differences))
    if not as_json and sample is not None:
        say(f"nothing differs: every file was read, and {sample} objects; of objects beyond these, the size alone")
    elif not as_json:
        say("the release is whole: every digest, count and reference agrees")


def _what_to_do(differences: Sequence[Mapping[str, str]]) -> str:
    if all(one["check"] == "orphans" for one in differences):
        return "the release itself is whole; its publisher waits for a build to end, or runs curate sweep"
    return "do not use the release; tell its publisher"


def download(  # noqa: PLR0913 -- each is an option of the command
    words: list[str],
    where: str | None,
    folder: Path,
    version: str | None,
    given: Settings,
    *,
    zipped: bool,
    as_json: bool,
) -> None:
    """Bring chosen instances of a release to a folder."""
    from tasks.release.download import download as bring
    from tasks.release.filters import Choice
    from tasks.store.opening import open_named

    with progress_bar():
        report = bring(
            open_named("release", given),
            folder,
            Choice(words, where),
            version=version,
            zipped=zipped,
            progress=lambda done, total: tell("download", done, total),
        )
    if as_json:
        say_json(report.as_dict())
    elif not report.objects and not report.withdrawn:
        say(f"no instance of release {report.version} fits the filters: only its tables were downloaded")
    else:
        show_rows("Download", [report.as_dict()])
    if report.withdrawn:
        note(f"{report.withdrawn} of the chosen objects were withdrawn since {report.version}: they were left out")


def diff_releases(older: str, newer: str, given: Settings, file: Path | None, *, as_json: bool) -> None:
    """Show what differs between two releases."""
    from tasks.release.change_log import count_changes
    from tasks.release.differences import as_tsv, differences
    from tasks.store.opening import open_named

    with TemporaryDirectory(prefix="differences-") as folder:
        rows = differences(open_named("release", given), older, newer, Path(folder))
        if file is not None:
            with file.open("wb") as opened:
                opened.writelines(as_tsv(rows))
            note(f"wrote {rows.num_rows} rows to {file}")
        counts = count_changes(rows)
    if as_json:
        say_json(counts)
        return
    changes = [
        {"entity": name, "change": change, "count": n} for name, of in counts.items() for change, n in of.items()
    ]
    show_rows(f"From {older} to {newer}", changes)


def _public_key(named: str) -> "PublicKey":
    from config.signing import parse_public_key

    path = Path(named)
    return parse_public_key(path.read_bytes() if path.is_file() else named.encode(), name=named)


def deid_report(file: Path | None) -> None:
    """Write the conformance statement of the profile in force."""
    from config.deid import load_profile
    from tasks.deidentify.report import conformance_statement

    statement = conformance_statement(load_profile())
    if file is None:
        say(statement)
    else:
        file.write_text(statement, encoding="utf-8")
        note(f"wrote {file}")


def explain_config(given: Settings, *, as_json: bool) -> None:
    """Show the settings in force and the sites found."""
    from config.site import load_site

    sites = {}
    for path in sorted(given.sites.glob("*.toml")):
        try:
            load_site(given.sites, path.stem)
            sites[path.stem] = "sound"
        except ConfigError as problem:
            sites[path.stem] = problem.message
    values = given.model_dump(mode="json", by_alias=True)
    meanings = {field.alias or name: field.description or "" for name, field in Settings.model_fields.items()}
    if as_json:
        say_json({"file": settings_file(), "settings": values, "sites": sites})
        return
    show_rows(f"Settings (file: {settings_file() or 'none'})", [
        {"setting": name, "value": value, "meaning": meanings[name]}
        for name, value in values.items()
    ])  # fmt: skip
    show_rows("Sites", [{"site": site, "file": verdict} for site, verdict in sites.items()])
