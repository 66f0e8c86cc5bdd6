"""Background work as data: queues, limits, the timetable and how Redis is spoken to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from celery.schedules import crontab

QUICK: Final = "quick"
HEAVY: Final = "heavy"
"""The queue of formats that take a lot of memory and time, apart from everything else."""
IMPORTS: Final = "imports"
"""The queue of log files, of which one may take hours. A worker of ``HEAVY`` takes it, too."""
MAINTENANCE: Final = "maintenance"
"""The queue of what the owner of the tables does, whose password its one worker alone knows."""
TREE: Final = "tree"
"""The queue of what follows logs, seals and words: short tasks that are behind at once where they
wait. The worker of ``MAINTENANCE`` takes it, with a process for each of both."""
QUEUES: Final = (QUICK, HEAVY, IMPORTS, MAINTENANCE, TREE)
LONG: Final = (HEAVY, IMPORTS, MAINTENANCE)
"""Queues of jobs that take so long that a worker never gives all its processes to them."""

QUICK_TURNS: Final = 4
"""Jobs of one workspace, of each kind, that are in the quick queue at once."""
HEAVY_JOBS: Final = 1
"""Heavy exports, and imports, of one workspace that run at once, unless the settings say more."""
ASKED_AGAIN_AFTER: Final = timedelta(seconds=5)
"""A long job that found no process free comes again after this."""

BUILD_SOFT_LIMIT: Final = timedelta(minutes=30)
BUILD_HARD_LIMIT: Final = BUILD_SOFT_LIMIT + timedelta(minutes=1)
RETENTION_LIMIT: Final = timedelta(hours=4)
IMPORT_SOFT_LIMIT: Final = timedelta(hours=6)
CHECK_SOFT_LIMIT: Final = timedelta(hours=6)
HOUSEKEEPING_LIMIT: Final = timedelta(minutes=5)

SENT_AT: Final = "sent_at"
"""The header of a message that says when it was sent, in seconds since 1970."""
HINT_LIFETIME: Final = timedelta(seconds=60)
"""A message that waited longer is dropped unread: by then the sweeper has sent another."""

SWEEP_EVERY: Final = timedelta(seconds=5)
SEAL_EVERY: Final = timedelta(seconds=3)
"""How often logs that grew are looked for, so that none is more than five seconds behind."""
TAKE_IN_EVERY: Final = timedelta(seconds=3)
"""How often logs are looked for whose new words are in no dictionary yet."""
BUILD_EVERY: Final = timedelta(seconds=3)
"""How often logs are looked for that are ahead of their columns."""
SWEEPS_KEY: Final = "auditsaas:sweeps"
"""Redis keeps here, by kind of job, when the last sweep ran, in seconds since 1970."""
WORKERS_KEY: Final = "auditsaas:workers"
"""Redis keeps here when each worker was last heard of, in seconds of its own clock; and the same
of the workers of each queue, whose name follows after another colon."""
ALIVE_FOR: Final = timedelta(seconds=10)
"""The time for which a worker counts as alive; it reports every two seconds."""
BEAT_KEY: Final = "auditsaas:beat"
"""Redis keeps here when beat last sent a task, in seconds of its own clock."""
RUNS_KEY: Final = "auditsaas:runs"
"""Redis keeps here, by task of the timetable, when it last ended well, by its own clock."""
HOURS_KEY: Final = "auditsaas:hours"
"""Redis keeps below here, by the hour and for a day, what ``jobs/past_day.py`` notes."""
TICK_EVERY: Final = timedelta(seconds=10)
SETTLE_EVERY: Final = timedelta(minutes=1)

CONSUMER_TRANSPORT: Final[dict[str, Any]] = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "health_check_interval": 5,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
}

# A web request must not wait for Redis, and a message that is not sent does no harm.
PUBLISHER_TRANSPORT: Final[dict[str, Any]] = {
    "socket_timeout": 0.4,
    "socket_connect_timeout": 0.4,
    "max_retries": 0,
}

SETTINGS: Final[dict[str, Any]] = {
    "include": (
        "tasks.accounts",
        "tasks.checks",
        "tasks.columns",
        "tasks.jobs",
        "tasks.exports",
        "tasks.figures",
        "tasks.holders",
        "tasks.maintenance",
        "tasks.pending_changes",
        "tasks.platform_access",
        "tasks.reads",
        "tasks.schedules",
        "tasks.tree",
        "tasks.words",
    ),
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_ignore_result": True,
    "task_publish_retry": False,
    "task_default_queue": QUICK,
    "task_queues": {queue: {} for queue in QUEUES},
    "task_routes": {
        "maintenance.*": {"queue": MAINTENANCE},
        "tree.sweep": {"queue": TREE},
        "words.sweep": {"queue": TREE},
        "columns.sweep": {"queue": TREE},
    },
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_soft_time_limit": HOUSEKEEPING_LIMIT.total_seconds(),
    "task_time_limit": HOUSEKEEPING_LIMIT.total_seconds() + 60,
    "task_annotations": {
        "imports.run": {
            "soft_time_limit": IMPORT_SOFT_LIMIT.total_seconds(),
            "time_limit": IMPORT_SOFT_LIMIT.total_seconds() + 60,
        },
        "exports.build": {
            "soft_time_limit": BUILD_SOFT_LIMIT.total_seconds(),
            "time_limit": BUILD_HARD_LIMIT.total_seconds(),
        },
        "maintenance.erase": {
            "soft_time_limit": RETENTION_LIMIT.total_seconds(),
            "time_limit": RETENTION_LIMIT.total_seconds() + 60,
        },
        "checks.run": {
            "soft_time_limit": CHECK_SOFT_LIMIT.total_seconds(),
            "time_limit": CHECK_SOFT_LIMIT.total_seconds() + 60,
        },
        "maintenance.apply_retention": {
            "soft_time_limit": RETENTION_LIMIT.total_seconds(),
            "time_limit": RETENTION_LIMIT.total_seconds() + 60,
        },
    },
    "worker_prefetch_multiplier": 1,
    "worker_soft_shutdown_timeout": 30,
    "worker_max_memory_per_child": 600_000,
    "worker_redirect_stdouts": False,
    "broker_connection_retry_on_startup": True,
    "enable_utc": True,
    "timezone": "UTC",
    "beat_schedule": {
        "sweep jobs": {
            "task": "jobs.sweep",
            "schedule": SWEEP_EVERY,
            "options": {"expires": 2 * SWEEP_EVERY.total_seconds()},
        },
        "seal logs": {
            "task": "tree.sweep",
            "schedule": SEAL_EVERY,
            "options": {"expires": 2 * SEAL_EVERY.total_seconds()},
        },
        "take in the words of logs": {
            "task": "words.sweep",
            "schedule": TAKE_IN_EVERY,
            "options": {"expires": 2 * TAKE_IN_EVERY.total_seconds()},
        },
        "build columns of logs": {
            "task": "columns.sweep",
            "schedule": BUILD_EVERY,
            "options": {"expires": 2 * BUILD_EVERY.total_seconds()},
        },
        "settle what was done to accounts": {
            "task": "accounts.settle",
            "schedule": SWEEP_EVERY,
            "options": {"expires": 2 * SWEEP_EVERY.total_seconds()},
        },
        "tick schedules": {
            "task": "schedules.tick",
            "schedule": TICK_EVERY,
            "options": {"expires": 2 * TICK_EVERY.total_seconds()},
        },
        "settle changes that wait": {
            "task": "changes.settle",
            "schedule": SETTLE_EVERY,
            "options": {"expires": SETTLE_EVERY.total_seconds()},
        },
        "tell of super-admins' looks": {
            "task": "platform.tell_looks",
            "schedule": timedelta(seconds=30),
            "options": {"expires": 60},
        },
        "expire exports": {
            "task": "exports.expire",
            "schedule": timedelta(minutes=10),
            "options": {"expires": 600},
        },
        "apply retention": {
            "task": "maintenance.apply_retention",
            "schedule": crontab(hour="2", minute="20"),
            "options": {"expires": 6 * 3600},
        },
        "erase what was confirmed": {
            "task": "maintenance.erase",
            "schedule": SETTLE_EVERY,
            "options": {"expires": SETTLE_EVERY.total_seconds()},
        },
        "check samples of logs against their seals": {
            "task": "checks.ask",
            "schedule": crontab(hour="3", minute="40"),
            "options": {"expires": 6 * 3600},
        },
        "thin out checkpoints": {
            "task": "maintenance.thin_checkpoints",
            "schedule": crontab(hour="4", minute="10"),
            "options": {"expires": 6 * 3600},
        },
        "complete the daily counts": {
            "task": "maintenance.count_days",
            "schedule": timedelta(minutes=10),
            "options": {"expires": 300},
        },
        "count logs together": {
            "task": "maintenance.count_together",
            "schedule": timedelta(minutes=1),
            "options": {"expires": 60},
        },
        "note what logs have stored": {
            "task": "figures.note",
            "schedule": timedelta(minutes=1),
            "options": {"expires": 60},
        },
        "append reads": {
            "task": "reads.flush",
            "schedule": timedelta(minutes=1),
            "options": {"expires": 60},
        },
        "anchor logs": {
            "task": "tree.anchor",
            "schedule": timedelta(minutes=1),
            "options": {"expires": 60},
        },
        "ask witnesses": {
            "task": "tree.witness",
            "schedule": timedelta(seconds=10),
            "options": {"expires": 20},
        },
        "make partitions ahead": {
            "task": "maintenance.make_partitions",
            "schedule": timedelta(hours=12),
            "options": {"expires": 3600},
        },
    },
}
