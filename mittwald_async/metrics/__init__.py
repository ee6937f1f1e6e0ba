"""Metrics of projects: `await mw.metrics.query("…PromQL…", project_id=project.id, start=yesterday)`."""

from .queries import READY_MADE, Metrics
from .series import MetricsError, Sample, Series, SeriesList
from .summary import MetricSummary

__all__ = ["READY_MADE", "MetricSummary", "Metrics", "MetricsError", "Sample", "Series", "SeriesList"]
