"""The command line: words in, one call of a plain function, and an answer for people or, with ``--json``, for programs.

The result goes to standard output, the log and progress to standard error.
"""

import errno
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from config.errors import ConfigError
from config.vocab.terms import WITHDRAWAL_REASON
from flows import checks, commands, upkeep
from flows.terminal import fail
from tasks.errors import CurationError

app = typer.Typer(
    help="Curate imaging batches: de-identify, harmonize, check and publish.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
keys = typer.Typer(help="The key ring from which pseudonyms are made.", no_args_is_help=True)
app.add_typer(keys, name="keys")
expectations = typer.Typer(
    help="What data must hold: rules, suites, and where a rule is checked.", no_args_is_help=True
)
app.add_typer(expectations, name="expectations")

_OF_PLACES = frozenset({
    errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOSPC, errno.ENOTDIR,
    errno.EPERM, errno.EROFS,
})  # fmt: skip
_PLACES = "check the folders and files that the options name, and the room that their disks have"


class Kind(StrEnum):
    """What can be withdrawn."""

    SUBJECT = "subject"
    STUDY = "study"
    SERIES = "series"


SiteCode = Annotated[str, typer.Argument(help="Code of the contributing site.")]
BatchName = Annotated[str, typer.Argument(help="Name of the batch below the site's folder.")]
Raw = Annotated[str | None, typer.Option(help="Store of the contributors' batches, s3://bucket or file:///folder.")]
Work = Annotated[str | None, typer.Option(help="Private working store.")]
Release = Annotated[str | None, typer.Option("--release", help="Public store of releases.")]
Sequestered = Annotated[str | None, typer.Option(help="Store of the sequestered part of releases.")]
Sites = Annotated[Path | None, typer.Option(help="Folder of site files.")]
Keys = Annotated[str | None, typer.Option(help="Name of the key ring: a file, env:NAME or prefect:BLOCK.")]
Local = Annotated[bool, typer.Option("--local", help="Run over a process pool, with no Prefect at all.")]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")]
Folder = Annotated[Path, typer.Option(help="Folder of the local installation.")]


@app.command()
def up(
    *,
    folder: Folder = commands.FOLDER,
    check: Annotated[bool, typer.Option("--check", help="Say what is healthy, and end.")] = False,
    json: Json = False,
) -> None:
    """Start object store, Prefect server and deployments; Ctrl-C stops them."""
    commands.up(folder, check=check, as_json=json)


@app.command()
def demo(*, folder: Folder = commands.FOLDER) -> None:
    """Curate two sites' batches of real DICOM objects and publish a release, from nothing."""
    commands.demo(folder)


@keys.command("new")
def keys_new(file: Annotated[Path, typer.Argument(help="File to write; must not exist.")]) -> None:
    """Make a new key ring, readable by its owner only."""
    commands.keys_new(file)


@keys.command("new-signing")
def keys_new_signing(file: Annotated[Path, typer.Argument(help="File to write; must not exist.")]) -> None:
    """Make a key that releases are signed with, and FILE.pub, which readers check by; the form is minisign's."""
    commands.keys_new_signing(file)


@keys.command("check")
def keys_check(*, keys: Keys = None, json: Json = False) -> None:
    """Load the key ring and say which version is current; shows no key."""
    commands.keys_check(commands.settings(keys=keys), as_json=json)


@app.command()
def doctor(
    *, raw: Raw = None, work: Work = None, release: Release = None, sequestered: Sequestered = None, json: Json = False
) -> None:
    """Prove on the real stores that what the pipeline relies on holds."""
    commands.doctor(commands.settings(raw=raw, work=work, release=release, sequestered=sequestered), as_json=json)


@app.command()
def intake(
    site: SiteCode,
    batch: BatchName,
    *,
    raw: Raw = None,
    work: Work = None,
    release: Release = None,
    sequestered: Sequestered = None,
    sites: Sites = None,
    keys: Keys = None,
    json: Json = False,
) -> None:
    """List a batch, check that it is complete, and plan its shards."""
    given = commands.settings(raw=raw, work=work, release=release, sequestered=sequestered, sites=sites, keys=keys)
    commands.intake(site, batch, given, as_json=json)


@app.command("profile-site")
def profile_site(
    site: SiteCode,
    batch: BatchName,
    *,
    codebook: Annotated[
        Path | None, typer.Option(help="Data dictionary of the site's tables, where it is not in the batch.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; <site>.toml in the folder of site files.")] = None,
    raw: Raw = None,
    sites: Sites = None,
    json: Json = False,
) -> None:
    """Draft the file of a site from the tables of one of its batches, with evidence and what a person must decide."""
    commands.profile_site(site, batch, commands.settings(raw=raw, sites=sites), codebook, out, as_json=json)


@app.command()
def report(
    site: SiteCode,
    batch: BatchName,
    *,
    to: Annotated[Path, typer.Option(help="Folder for the report; it names the site's files and columns.")],
    run: Annotated[str | None, typer.Option(help="Run of the batch; the accepted one by default.")] = None,
    work: Work = None,
    json: Json = False,
) -> None:
    """Copy the report of a batch for its contributor: what was wrong, where, and what to send."""
    commands.report(site, batch, commands.settings(work=work), to, run, as_json=json)


@app.command()
def batch(
    site: SiteCode,
    batch: BatchName,
    *,
    raw: Raw = None,
    work: Work = None,
    release: Release = None,
    sequestered: Sequestered = None,
    sites: Sites = None,
    keys: Keys = None,
    local: Local = False,
    json: Json = False,
) -> None:
    """Run curate-batch to its end; objects that are held or rejected do not stop the others."""
    given = commands.settings(raw=raw, work=work, release=release, sequestered=sequestered, sites=sites, keys=keys)
    commands.batch(site, batch, given, local=local, as_json=json)


@app.command()
def validate(
    site: SiteCode,
    batch: BatchName,
    *,
    raw: Raw = None,
    work: Work = None,
    release: Release = None,
    sequestered: Sequestered = None,
    sites: Sites = None,
    keys: Keys = None,
    json: Json = False,
) -> None:
    """Check the harmonized tables of a batch, and say what is held and what stops it; accepts nothing."""
    given = commands.settings(raw=raw, work=work, release=release, sequestered=sequestered, sites=sites, keys=keys)
    checks.validate(site, batch, given, as_json=json)


@expectations.command("list")
def expectations_list(*, json: Json = False) -> None:
    """List every data-quality rule with its severity and its table."""
    checks.expectations_list(as_json=json)


@expectations.command("show")
def expectations_show(
    suite: Annotated[str, typer.Argument(help="Name of a suite, which is that of its table.")], *, json: Json = False
) -> None:
    """Show the expectations of one suite."""
    checks.expectations_show(suite, as_json=json)


@expectations.command("explain")
def expectations_explain(
    rule: Annotated[str, typer.Argument(help="Id of a rule, such as C-STAY-ORDER.")], *, json: Json = False
) -> None:
    """Explain one rule: what must hold, why, what happens otherwise, and what to do."""
    checks.expectations_explain(rule, as_json=json)


@app.command()
def ledger(
    site: SiteCode,
    batch: BatchName,
    *,
    csv: Annotated[Path | None, typer.Option(help="File for source,status,reason; holds the site's own names.")] = None,
    raw: Raw = None,
    work: Work = None,
    release: Release = None,
    sequestered: Sequestered = None,
    json: Json = False,
) -> None:
    """Say where every raw object and archive member of a batch ended."""
    given = commands.settings(raw=raw, work=work, release=release, sequestered=sequestered)
    commands.ledger(site, batch, given, csv, as_json=json)


@app.command()
def crosswalk(
    site: SiteCode,
    batch: BatchName,
    *,
    uids: Annotated[Path, typer.Option(help="File for id_old,id_new of UIDs; outside every store.")],
    patients: Annotated[Path, typer.Option(help="File for id_old,id_new of patient ids; outside every store.")],
    raw: Raw = None,
    work: Work = None,
    release: Release = None,
    sequestered: Sequestered = None,
    sites: Sites = None,
    keys: Keys = None,
) -> None:
    """Write what every identifier of a batch became; for the honest broker, who holds the key ring."""
    given = commands.settings(raw=raw, work=work, release=release, sequestered=sequestered, sites=sites, keys=keys)
    commands.crosswalk(site, batch, given, uids, patients)


@app.command()
def explain(
    table: Annotated[str, typer.Argument(help="Canonical table, such as subject.")],
    key: Annotated[str, typer.Argument(help="Key of the row in that table.")],
    field: Annotated[str, typer.Argument(help="Column.")],
    *,
    site: Annotated[str | None, typer.Option(help="Look in batches of this site only.")] = None,
    batch: Annotated[str | None, typer.Option(help="Look in batches of this name only.")] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Show the source cell too: identifiable; needs raw store and key ring.")
    ] = False,
    raw: Raw = None,
    work: Work = None,
    sites: Sites = None,
    keys: Keys = None,
    json: Json = False,
) -> None:
    """Say where a cell of a canonical table comes from: source, mapping, rule, and what holds its row."""
    given = commands.settings(raw=raw, work=work, sites=sites, keys=keys)
    commands.explain((table, key, field), (site, batch), given, private=private, as_json=json)


@app.command("score-midib")
def score_midib(
    answers: Annotated[Path, typer.Argument(help="Answer key: SQLite with a table answer_data.", exists=True)],
    output_folder: Annotated[Path, typer.Argument(help="Folder of the de-identified files.", exists=True)],
    *,
    uids: Annotated[Path, typer.Option(help="File with id_old,id_new of UIDs, as `curate crosswalk` writes it.")],
    patients: Annotated[Path, typer.Option(help="File with id_old,id_new of patient ids.")],
    source: Annotated[
        Path | None, typer.Option("--input", help="Folder of the source files, to compare dates and conformance.")
    ] = None,
    discrepancies: Annotated[
        Path | None, typer.Option(help="File for the checks that did not pass; holds values of the source.")
    ] = None,
    json: Json = False,
) -> None:
    """Score any de-identified folder against an answer key of the MIDI-B challenge."""
    commands.score_midib(
        answers,
        output_folder,
        uids=uids,
        patients=patients,
        source=source,
        discrepancies=discrepancies,
        as_json=json,
    )


@app.command("release")
def release_command(
    version: Annotated[str | None, typer.Argument(help="Name of the release; the date when left out.")] = None,
    *,
    batch: Annotated[
        list[str] | None,
        typer.Option(
            help="Batch to release, as <site>/<batch>; may be repeated, all that the release policy names by default."
        ),
    ] = None,
    raw: Raw = None,
    work: Work = None,
    release: Release = None,
    sequestered: Sequestered = None,
    keys: Keys = None,
    local: Local = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and write nothing.")] = False,
    json: Json = False,
) -> None:
    """Build, check and publish a release of all accepted batches, or of those that are named."""
    given = commands.settings(raw=raw, work=work, release=release, sequestered=sequestered, keys=keys)
    commands.release(version, batch or [], given, local=local, dry_run=dry_run, as_json=json)


@app.command()
def withdraw(
    ids: Annotated[list[str] | None, typer.Argument(help="Subject ids or new UIDs, as releases have them.")] = None,
    *,
    reason: Annotated[str, typer.Option(help=f"Why, which is published: {', '.join(WITHDRAWAL_REASON)}.")],
    kind: Annotated[Kind, typer.Option(help="What the ids name.")] = Kind.SUBJECT,
    site: Annotated[str | None, typer.Option(help="Site whose patients the file names.")] = None,
    patients: Annotated[
        Path | None, typer.Option(help="File of the site's own patient ids, one a line; found through the crosswalks.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Name of the release without them; the date when left out.")
    ] = None,
    work: Work = None,
    release: Release = None,
    sequestered: Sequestered = None,
    keys: Keys = None,
    local: Local = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and write nothing.")] = False,
    json: Json = False,
) -> None:
    """Take subjects, studies or series out of every release: a new one without them, and their objects removed."""
    given = commands.settings(work=work, release=release, sequestered=sequestered, keys=keys)
    who = upkeep.Named(kind.value, tuple(ids or ()), site, patients)
    upkeep.withdraw(who, (reason, version), given, local=local, dry_run=dry_run, as_json=json)


@app.command()
def sweep(
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Remove what is old enough; only listed otherwise.")] = False,
    days: Annotated[int, typer.Option(min=1, help="Age in days under which nothing is touched.")] = 7,
    work: Work = None,
    release: Release = None,
    sequestered: Sequestered = None,
    json: Json = False,
) -> None:
    """List, and with --delete remove, what was staged and nothing refers to: objects, releases, unfinished uploads."""
    upkeep.sweep(commands.settings(work=work, release=release, sequestered=sequestered), days, delete, as_json=json)


@app.command("verify-release")
def verify_release(
    address: Annotated[
        str | None, typer.Argument(help="Address of the release store; the configured one by default.")
    ] = None,
    *,
    version: Annotated[str | None, typer.Option(help="Version; the current one by default.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=0, help="How many objects to read, spread evenly; all by default.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Read all objects, as without --sample.")] = False,
    resume: Annotated[
        Path | None, typer.Option(help="File that remembers what was read, so that a stopped check can go on.")
    ] = None,
    public_key: Annotated[
        list[str] | None,
        typer.Option(
            help="The publisher's public key: a minisign.pub file or its base64; one of those given must fit."
        ),
    ] = None,
    raw: Raw = None,
    work: Work = None,
    release: Release = None,
    sequestered: Sequestered = None,
    json: Json = False,
) -> None:
    """Check a published release against its own manifest; needs read access and no key."""
    given = commands.settings(raw=raw, work=work, release=address or release, sequestered=sequestered)
    if every and sample is not None:
        raise ConfigError("--all and --sample exclude each other", next_step="give one of them")
    commands.verify_release(given, version, sample, (resume, tuple(public_key or ())), as_json=json)


@app.command()
def download(
    filters: Annotated[
        list[str] | None, typer.Argument(help="column=value, such as modality=CT; all must hold, of one column any.")
    ] = None,
    *,
    to: Annotated[Path, typer.Option(help="Folder; objects come to the paths that the manifests give.")],
    where: Annotated[
        str | None, typer.Option(help='SQL condition over the tables, such as "age_at_index < 18".')
    ] = None,
    version: Annotated[str | None, typer.Option(help="Version; the current one by default.")] = None,
    zipped: Annotated[
        bool, typer.Option("--zip", help="Also pack each series into one ZIP, the same bytes wherever it is made.")
    ] = False,
    release: Release = None,
    json: Json = False,
) -> None:
    """Download instances of a release, and its tables: checked, resumable, and never more than the filters say."""
    given = commands.settings(release=release)
    commands.download(filters or [], where, to, version, given, zipped=zipped, as_json=json)


@app.command("diff-releases")
def diff_releases(
    older: Annotated[str, typer.Argument(help="Version to compare from.")],
    newer: Annotated[str, typer.Argument(help="Version to compare to.")],
    *,
    tsv: Annotated[Path | None, typer.Option(help="File for a row per subject, study, series and instance.")] = None,
    release: Release = None,
    json: Json = False,
) -> None:
    """Say what was added, changed and withdrawn between two releases."""
    commands.diff_releases(older, newer, commands.settings(release=release), tsv, as_json=json)


@app.command("deid-report")
def deid_report(
    *, file: Annotated[Path | None, typer.Option(help="File to write; standard output by default.")] = None
) -> None:
    """Write the conformance statement: which attribute gets which action under the profile in force."""
    commands.deid_report(file)


@app.command("explain-config")
def explain_config(
    *,
    raw: Raw = None,
    work: Work = None,
    release: Release = None,
    sequestered: Sequestered = None,
    sites: Sites = None,
    keys: Keys = None,
    json: Json = False,
) -> None:
    """Show the settings in force, where they come from, and the site files found."""
    given = commands.settings(raw=raw, work=work, release=release, sequestered=sequestered, sites=sites, keys=keys)
    commands.explain_config(given, as_json=json)


def main() -> None:
    """Run the command line; a failure is one line on standard error and a documented exit code."""
    try:
        app()
    except (CurationError, ConfigError) as problem:
        _end(problem)
    except OSError as problem:
        if problem.errno not in _OF_PLACES:
            raise
        # The path may be the contributor's, so it is not told.
        _end(CurationError(f"a folder or file cannot be used: {os.strerror(problem.errno)}", next_step=_PLACES))


def _end(problem: CurationError | ConfigError) -> NoReturn:
    fail(problem, as_json="--json" in sys.argv)
    sys.exit(problem.exit_code)


if __name__ == "__main__":
    main()
