"""The facts of an entry: the few values of each type that people group by, typed and short.

``FACTS`` is the table of what ``entries`` holds by source and type; ``docs/analysts.md`` shows it.

Source: DESIGN.md, section 4.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from receiver.intake.dialect import Entry
from receiver.intake.values import host_of, milliseconds, parts_of, path_of, text, whole
from receiver.pipelines.stages import SOURCES

Facts = dict[str, Any]
Extract = Callable[[Facts, Entry], Facts]


def request(content: Facts, entry: Entry) -> Facts:
    """A request that the application answered."""
    user = content.get("user")
    return {
        "method": text(content.get("method", entry.get("method"))),
        "path": path_of(content.get("uri", entry.get("path"))),
        "status": whole(content.get("response_status", entry.get("status"))),
        "duration_ms": milliseconds(content.get("duration", entry.get("duration"))),
        "user_id": text(user.get("id") if type(user) is dict else None),
        "action": text(content.get("controller_action")),
    }


def client_request(content: Facts, _entry: Entry) -> Facts:
    """A request that the application made."""
    uri = content.get("uri")
    return {
        "method": text(content.get("method")),
        "host": host_of(uri),
        "path": path_of(uri),
        "status": whole(content.get("response_status")),
        "duration_ms": milliseconds(content.get("duration")),
    }


def query(content: Facts, entry: Entry) -> Facts:
    """A database query; ``sql_hash`` is the same for all that differ in their bindings only."""
    sql = content.get("sql", entry.get("query"))
    shape = content.get("hash")
    if type(shape) is not str and type(sql) is str:
        shape = hashlib.md5(sql.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()  # as Telescope does
    return {
        "sql": text(sql),
        "sql_hash": text(shape),
        "duration_ms": milliseconds(content.get("time", entry.get("duration"))),
        "slow": content["slow"] if type(content.get("slow")) is bool else None,
        "connection": text(content.get("connection")),
        "file": text(content.get("file")),
        "line": whole(content.get("line")),
    }


def exception(content: Facts, entry: Entry) -> Facts:
    """An exception; its class is the sender's ``type`` where the content does not say it."""
    return {
        "class": text(content.get("class", entry.get("sent", {}).get("type"))),
        "message": text(content.get("message", entry.get("message"))),
        "file": text(content.get("file")),
        "line": whole(content.get("line")),
    }


def log(content: Facts, entry: Entry) -> Facts:
    """A log line."""
    return {
        "level": text(content.get("level", entry.get("level"))),
        "message": text(content.get("message", entry.get("message"))),
    }


def job(content: Facts, entry: Entry) -> Facts:
    """A queued job; its status is brought up to date by later snapshots."""
    return {
        "name": text(content.get("name", entry.get("job"))),
        "queue": text(content.get("queue")),
        "connection": text(content.get("connection")),
        "status": text(content.get("status")),
        "tries": whole(content.get("tries")),
    }


def cache(content: Facts, _entry: Entry) -> Facts:
    """A cache call: ``hit``, ``missed``, ``set`` or ``forget``."""
    return {"result": text(content.get("type")), "key": text(content.get("key"))}


def redis(content: Facts, _entry: Entry) -> Facts:
    """A Redis command; only its name, since the rest may be anything."""
    command = text(content.get("command"))
    return {"command": command.split(" ")[0] if command else None, "duration_ms": milliseconds(content.get("time"))}


def command(content: Facts, _entry: Entry) -> Facts:
    """An Artisan command."""
    return {"command": text(content.get("command")), "exit_code": whole(content.get("exit_code"))}


def schedule(content: Facts, _entry: Entry) -> Facts:
    """A scheduled task."""
    names = ("command", "description", "expression")
    return {name: text(content.get(name)) for name in names}


def mail(content: Facts, _entry: Entry) -> Facts:
    """A mail; without addresses."""
    return {"mailable": text(content.get("mailable")), "queued": content.get("queued") is True}


def notification(content: Facts, _entry: Entry) -> Facts:
    """A notification."""
    return {"notification": text(content.get("notification")), "channel": text(content.get("channel"))}


def model(content: Facts, _entry: Entry) -> Facts:
    """What happened to an Eloquent model."""
    return {"action": text(content.get("action")), "model": text(content.get("model"))}


def gate(content: Facts, _entry: Entry) -> Facts:
    """An authorisation."""
    return {"ability": text(content.get("ability")), "result": text(content.get("result"))}


def named(content: Facts, _entry: Entry) -> Facts:
    """An event, a view, a batch of jobs."""
    return {"name": text(content.get("name"))}


def slow_request(_content: Facts, entry: Entry) -> Facts:
    """A request past Pulse's threshold."""
    method, path, action = parts_of(entry.get("key"), 3)
    return {
        "method": text(method),
        "path": text(path),
        "action": text(action),
        "duration_ms": milliseconds(entry.get("value")),
    }


def slow_query(_content: Facts, entry: Entry) -> Facts:
    """A query past Pulse's threshold."""
    sql, location = parts_of(entry.get("key"), 2)
    return {"sql": text(sql), "location": text(location), "duration_ms": milliseconds(entry.get("value"))}


def slow_job(_content: Facts, entry: Entry) -> Facts:
    """A job past Pulse's threshold."""
    (name,) = parts_of(entry.get("key"), 1)
    return {"class": text(name), "duration_ms": milliseconds(entry.get("value"))}


def slow_outgoing_request(_content: Facts, entry: Entry) -> Facts:
    """A request of the application's own past Pulse's threshold."""
    method, uri = parts_of(entry.get("key"), 2)
    return {"method": text(method), "path": text(uri), "duration_ms": milliseconds(entry.get("value"))}


def pulse_exception(_content: Facts, entry: Entry) -> Facts:
    """An exception, as Pulse counts it."""
    name, location = parts_of(entry.get("key"), 2)
    return {"class": text(name), "location": text(location)}


def of_user(_content: Facts, entry: Entry) -> Facts:
    """Something that one user did."""
    return {"user_id": text(entry.get("key"))}


def keyed(_content: Facts, entry: Entry) -> Facts:
    """Anything else of Pulse: its key."""
    return {"key": text(entry.get("key"))}


FACTS: dict[str, dict[str, Extract]] = {
    "telescope": {
        "request": request,
        "client_request": client_request,
        "query": query,
        "exception": exception,
        "log": log,
        "job": job,
        "cache": cache,
        "redis": redis,
        "command": command,
        "schedule": schedule,
        "mail": mail,
        "notification": notification,
        "model": model,
        "gate": gate,
        "event": named,
        "view": named,
        "batch": named,
    },
    "pulse": {
        "slow_request": slow_request,
        "slow_query": slow_query,
        "slow_job": slow_job,
        "slow_outgoing_request": slow_outgoing_request,
        "exception": pulse_exception,
        "user_request": of_user,
        "user_job": of_user,
    },
}
# Types whose facts may change while the row stays the same.
MUTABLE = {("telescope", "job")}


def facts_of(source: str, entry: Entry) -> Facts:
    """Extract the facts of an entry that has been understood; what is unknown is left out."""
    content = entry.get("content")
    extract = FACTS[source].get(entry.get("type") or "", keyed if source == "pulse" else nothing)
    facts = extract(content if type(content) is dict else {}, entry)
    return {name: value for name, value in facts.items() if value is not None}


def nothing(_content: Facts, _entry: Entry) -> Facts:
    """A type that is not known."""
    return {}


def rows_of(document: dict[str, Any]) -> Iterable[Facts]:
    """Yield the ``entries`` rows of a stored snapshot.

    Yields:
        ``_id``, ``system``, ``source``, ``type``, ``created_at``, ``batch_id``, ``snapshot_id``, ``received_at`` and
        ``observed_at`` (the snapshot's ``timestamp``), and the facts.
    """
    for source in SOURCES:
        for entry in document[source].get("recent_entries_data") or []:
            yield {
                "_id": entry["entry_id"],
                "system": document["system"],
                "source": source,
                "type": entry.get("type"),
                "created_at": entry.get("created_at"),
                "batch_id": entry.get("batch_id"),
                "snapshot_id": document["_id"],
                "received_at": document["received_at"],
                "observed_at": document["timestamp"],
                **facts_of(source, entry),
            }
