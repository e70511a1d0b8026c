"""Where a person's browser finds a report of the work store."""

from config.settings import Settings
from tasks.layout import BatchLayout


def report_link(site: str, batch: str, run: str, settings: Settings) -> str:
    """Give the address of the Data Docs of a run: on the report server if one is set up, else in the work store."""
    return address_of(BatchLayout(site, batch).run(run, "report/data_docs/index.html"), settings)


def address_of(key: str, settings: Settings) -> str:
    """Give the address of a page of the work store: on the report server if one is set up, else in the store."""
    return f"{(settings.reports_url or settings.work).partition('?')[0].rstrip('/')}/{key}"
