"""Every canonical table by its name."""

from expectations.schemas import (
    change_log,
    clinical_event,
    condition,
    imaging_instance,
    imaging_series,
    imaging_study,
    lineage,
    measurement,
    medication,
    release,
    subject,
    test_result,
    withdrawals,
)
from expectations.schemas.table import Table, batch_form

CANONICAL: dict[str, Table] = {
    module.TABLE.name: module.TABLE
    for module in (
        subject,
        clinical_event,
        test_result,
        condition,
        measurement,
        medication,
        imaging_study,
        imaging_series,
        imaging_instance,
        release,
        change_log,
        withdrawals,
        lineage,
    )
}
BATCH: dict[str, Table] = {name: form for name, table in CANONICAL.items() if (form := batch_form(table)).schema.names}
