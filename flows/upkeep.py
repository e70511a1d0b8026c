"""What the commands do that take things out of releases and tidy stores; plain functions, as in `commands`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from config.errors import ConfigError
from config.settings import Settings
from flows.commands import use_prefect
from flows.progress import tell
from flows.report import todays_version
from flows.terminal import note, progress_bar, say_json, show_rows

if TYPE_CHECKING:
    from tasks.store.opening import StoreName


@dataclass(frozen=True, slots=True)
class Named:
    """What a person names to be withdrawn: ids as released, or a site and a file of its own patient ids."""

    kind: str
    ids: tuple[str, ...]
    site: str | None
    patients: Path | None


def withdraw(  # noqa: PLR0913 -- each is an option of the command
    who: Named, why: tuple[str, str | None], given: Settings, *, local: bool, dry_run: bool, as_json: bool
) -> None:
    """Withdraw from every release, or show what would go.

    Parameters
    ----------
    why
        The reason, and the name of the release without them.

    Raises
    ------
    ConfigError
        If nobody is named, or the reason is none of the list.
    """
    from flows.withdrawn_ids import require_released
    from tasks import running
    from tasks.release.withdrawn import Withdrawal, require_reasons

    reason, name = why[0], why[1] or todays_version()
    require_released(who.ids)
    asked = [Withdrawal(who.kind, one, reason) for one in who.ids]
    asked += [Withdrawal("subject", one, reason) for one in _patients(who, given)]
    require_reasons(asked)
    if not asked:
        raise ConfigError("nobody is named", next_step="give ids, or --site with --patients")
    with progress_bar():
        if dry_run:
            answer = running.plan_withdrawal(asked, name, given).as_dict()
        elif local or not use_prefect(given):
            answer = running.withdraw(asked, name, given, lambda done, total: tell("copy", done, total)).as_dict()
        else:
            from flows.withdraw import withdraw as flow

            kind = cast("Literal['subject', 'study', 'series']", asked[0].entity)
            answer = flow([one.entity_id for one in asked], reason, kind, name).as_dict()
    if as_json:
        say_json(answer)
    else:
        title = "Plan of a withdrawal" if dry_run else "Withdrawal"
        show_rows(title, [{"": key, "value": value} for key, value in answer.items()])


def _patients(who: Named, given: Settings) -> list[str]:
    """Give the subject ids of the patients that a file names, if there is one."""
    from flows.withdrawn_ids import read_ids, subjects_of
    from tasks.store.opening import open_named

    if (who.site is None) != (who.patients is None):
        raise ConfigError("--site and --patients go together", next_step="give both")
    if who.site is None or who.patients is None:
        return []
    if who.ids:
        raise ConfigError("ids and a file of patients are both given", next_step="withdraw them one after the other")
    if who.kind != "subject":
        raise ConfigError("a file of patients names subjects", next_step="leave --kind out, or give ids of that kind")
    return subjects_of(open_named("work", given), who.site, read_ids(who.patients))


def sweep(given: Settings, days: int, delete: bool, *, as_json: bool) -> None:  # noqa: FBT001 -- the option itself
    """Show, or remove, what nothing refers to in the work store and the release stores that are configured."""
    from tasks.release.model import OPEN, SEQUESTERED
    from tasks.release.sweep import sweep_release, sweep_staged, sweep_uploads, sweep_work
    from tasks.store.opening import open_named

    names: tuple[StoreName, ...] = ("release", "sequestered")
    work, stores = open_named("work", given), {name: open_named(name, given) for name in names if getattr(given, name)}
    parts = {part: stores[name] for part, name in zip((OPEN, SEQUESTERED), names, strict=True) if name in stores}
    found = [sweep_work(work, days=days, delete=delete), sweep_staged(work, parts, days=days, delete=delete)]
    found += [sweep_release(name, store, days=days, delete=delete) for name, store in stores.items()]
    every = {"work": work, **stores}
    found += [sweep_uploads(name, store, days=days, delete=delete) for name, store in every.items()]
    if as_json:
        say_json({"stores": [one.as_dict() for one in found]})
        return
    show_rows("Staged, and referred to by nothing", [one.as_dict() for one in found])
    if not delete and any(one.old for one in found):
        note("nothing was removed: --delete removes what is old enough; do it while no batch and no release is built")
    elif any(one.unreferenced > one.old for one in found):
        note(f"what is younger than {days} days may belong to a run that is not at its end, and stays")
