"""What must hold for all batches together, at every moment at which somebody could look."""

from __future__ import annotations

from sqlalchemy import Connection, text

# One statement, so that all of it is true of one snapshot, while others change what they like.
_BROKEN = text("""
    WITH items AS (
        SELECT batch_id, count(*) AS total_reports,
            count(*) FILTER (WHERE status = 'COMPLETED') AS successful,
            count(*) FILTER (WHERE status = 'FAILED') AS failed,
            count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled,
            count(*) FILTER (WHERE status = 'PROCESSING') AS running
        FROM batch_items GROUP BY batch_id
    ), history AS (
        SELECT b.batch_id, count(e) AS events, min(e.sequence) AS first, max(e.sequence) AS last
        FROM batches b LEFT JOIN batch_events e ON e.batch_id = b.batch_id AND e.sequence >= b.oldest_sequence
        GROUP BY b.batch_id
    ), standing AS (
        SELECT batch_id, CASE
            WHEN successful + failed + cancelled < total_reports THEN
                CASE WHEN cancel_requested_at IS NULL THEN 'PROCESSING' ELSE 'CANCELLING' END
            WHEN successful = total_reports THEN 'COMPLETED'
            WHEN successful > 0 THEN 'PARTIALLY_COMPLETED'
            WHEN failed > 0 THEN 'FAILED' ELSE 'CANCELLED' END AS status
        FROM batches
    )
    SELECT 'the counters of a batch are not those of its items' AS what, CAST(batch_id AS text) AS which
    FROM batches b LEFT JOIN items i USING (batch_id)
    WHERE (b.total_reports, b.successful, b.failed, b.cancelled, b.running)
        IS DISTINCT FROM (i.total_reports, i.successful, i.failed, i.cancelled, i.running)
    UNION ALL
    SELECT 'the status of a batch does not follow from its counters', CAST(batch_id AS text)
    FROM batches b JOIN standing s USING (batch_id) WHERE b.status <> s.status
    UNION ALL
    SELECT 'the sequences of a batch have a gap', CAST(batch_id AS text)
    FROM batches b JOIN history h USING (batch_id)
    WHERE h.events <> b.last_sequence - b.oldest_sequence + 1
        OR h.first <> b.oldest_sequence OR h.last <> b.last_sequence
    UNION ALL
    SELECT 'the newest event of a batch does not show its status', CAST(b.batch_id AS text)
    FROM batches b JOIN batch_events e ON e.batch_id = b.batch_id AND e.sequence = b.last_sequence
    WHERE e.status <> b.status OR (b.processed_at IS NOT NULL AND NOT CAST(e.data ->> 'final' AS boolean))
    UNION ALL
    SELECT 'the execution of a batch is not as the batch', CAST(batch_id AS text)
    FROM batches b LEFT JOIN batch_executions e USING (batch_id, task_id)
    WHERE (e.status, e.execution, e.processed_at IS NULL)
        IS DISTINCT FROM (b.status, b.execution_count, b.processed_at IS NULL)
        OR b.processed_at IS NOT NULL AND (e.successful, e.failed, e.cancelled, e.final_sequence)
            IS DISTINCT FROM (b.successful, b.failed, b.cancelled, b.last_sequence)
    UNION ALL
    SELECT 'an execution does not begin where the one before it ended', CAST(e.task_id AS text)
    FROM batch_executions e LEFT JOIN batch_executions before
        ON before.batch_id = e.batch_id AND before.execution = e.execution - 1
    WHERE e.first_sequence IS DISTINCT FROM CASE WHEN e.execution = 1 THEN 1 ELSE before.final_sequence + 1 END
    UNION ALL
    SELECT 'an execution is over and Celery does not know, or the other way round', CAST(e.task_id AS text)
    FROM batch_executions e LEFT JOIN celery_taskmeta r ON r.task_id = CAST(e.task_id AS text)
    WHERE (r.status IN ('SUCCESS', 'FAILURE', 'REVOKED')) IS DISTINCT FROM (e.processed_at IS NOT NULL)
    UNION ALL
    SELECT 'a report was analysed twice in one execution', CAST(report_id AS text)
    FROM report_analyses GROUP BY task_id, report_id HAVING count(*) > 1
    UNION ALL
    SELECT 'an item shows an analysis that is not of its report', i.batch_id || ' ' || i.position
    FROM batch_items i LEFT JOIN report_analyses a USING (analysis_id, report_id)
    WHERE i.analysis_id IS NOT NULL AND a.analysis_id IS NULL
    UNION ALL
    SELECT 'an analysis belongs to no item', CAST(a.analysis_id AS text)
    FROM report_analyses a LEFT JOIN batch_items i USING (analysis_id, report_id) WHERE i.analysis_id IS NULL
    UNION ALL
    SELECT 'a report is said to be analysed right now and is not', CAST(report_id AS text)
    FROM reports r WHERE status = 'PROCESSING' AND NOT EXISTS (
        SELECT FROM batch_items i WHERE i.report_id = r.report_id AND i.status IN ('PROCESSING', 'RETRYING'))
""")


def broken(conn: Connection) -> list[str]:
    """Return what does not hold, and of which batch, item or report."""
    return [f"{row.what}: {row.which}" for row in conn.execute(_BROKEN)]
