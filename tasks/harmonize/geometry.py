"""The volume that the slices of a series make: their distance, gaps and regularity, measured from their places.

Localizers are left out, as are objects whose frames do not lie in one direction. A place that is taken several times
(echoes, phases, contrast) counts once for the distance.
"""

import pyarrow as pa

from tasks.harmonize.query import Rows, query, query_groups

EVEN_MM = 0.01  # a step may differ by this much, or by a hundredth, from the median step of an even series
UNIQUE_MM = 0.001  # closer slices lie at one position
GAP = 1.5  # a step of more than so many usual steps, the lower of two in the middle, has slices missing in it
_SLICES = """
WITH told AS (
    SELECT series_uid, image_position_mm AS p, image_orientation AS o, frame_depths_mm FROM instances
    WHERE len(image_orientation) = 6 AND NOT coalesce(is_localizer, false)),
frames AS (
    SELECT series_uid, o, unnest(frame_depths_mm) AS depth, NULL::DOUBLE[] AS p FROM told WHERE len(frame_depths_mm) > 1
    UNION ALL
    SELECT series_uid, o, list_dot_product(n, p) AS depth,
           list_transform(p, lambda x, i: x - n[i] * list_dot_product(n, p)) AS p
    FROM (SELECT *, [o[2] * o[6] - o[3] * o[5], o[3] * o[4] - o[1] * o[6], o[1] * o[5] - o[2] * o[4]] AS n FROM told
          WHERE len(p) = 3 AND frame_depths_mm IS NULL)),
placed AS (
    SELECT series_uid, list_transform(o, lambda x: round(x, 3) + 0.0)::VARCHAR AS orientation, depth, p,
           depth - lag(depth) OVER place AS step, list_distance(p, lag(p) OVER place) AS shift
    FROM frames WINDOW place AS (PARTITION BY series_uid ORDER BY depth, p)),
uneven AS (
    SELECT series_uid, count(DISTINCT orientation) AS orientations, count(*) AS slices, min(step) AS smallest,
           coalesce(max(shift), 0.0) AS shift,
           list(step ORDER BY step) FILTER (step > {unique_mm}) AS steps
    FROM placed GROUP BY series_uid)
SELECT series_uid, orientations, slices, smallest, shift, list_aggregate(steps, 'max') AS largest,
       list_aggregate(steps, 'min') AS least, round(list_aggregate(steps, 'median'), 6) AS step,
       coalesce(len(steps), 0) + 1 AS places,
       list_sum([round(one / usual) - 1 FOR one IN steps IF one > {gap} * usual]) AS missing
FROM (SELECT *, steps[(len(steps) + 1) // 2] AS usual FROM uneven) ORDER BY series_uid
"""
_VOLUMES = """
SELECT series.series_uid,
       CASE WHEN orientations = 1 AND places > 1 THEN step END AS slice_spacing_mm,
       CASE WHEN orientations = 1 THEN places END::INTEGER AS n_positions,
       CASE WHEN orientations = 1 AND places > 1 THEN try_cast(coalesce(missing, 0) AS INTEGER) END AS n_missing_slices,
       CASE WHEN first_modality = 'CT' AND slices > 1
            THEN orientations = 1 AND smallest > unique_mm AND largest - least <= greatest(even_mm, step / 100)
                 AND shift <= greatest(even_mm, step / 100) END AS regular_volume
FROM series LEFT JOIN slices USING (series_uid), limits ORDER BY series.series_uid
"""


def volumes_of(rows: Rows, series: pa.Table) -> pa.Table:
    """Measure the volume of each series.

    Parameters
    ----------
    rows
        Columns of `expectations.schemas.pipeline.INSTANCES`.
    series
        Columns series_uid and first_modality.

    Returns
    -------
    pa.Table
        By series_uid: slice_spacing_mm, n_positions and n_missing_slices, null where there is more than one
        orientation or no place (n_missing_slices also where a step is so large that no count is meant); and
        regular_volume, null where it is no CT or has fewer than two slices with a place.
    """
    limits = pa.table({"even_mm": [EVEN_MM], "unique_mm": [UNIQUE_MM], "gap": [GAP]})
    statement = _SLICES.format(unique_mm=UNIQUE_MM, gap=GAP)
    slices = query_groups(statement, "series_uid", rows)
    return query(_VOLUMES, series=series.select(["series_uid", "first_modality"]), slices=slices, limits=limits)
