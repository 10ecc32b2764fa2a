"""Queues of jobs before Claude: who fills them, and that what holds a queue back limits no user."""

from pathlib import Path

import pytest

from tidegate.checks.facts.limiters import find_limiters
from tidegate.checks.verdict import State
from unit.checks.programs import program, verdicts

WORKER = """
import { Worker } from "bullmq";
import Anthropic from "@anthropic-ai/sdk";
const client = new Anthropic({ timeout: 60_000 });
const work = async (job) => client.messages.create({ model: "m", max_tokens: 5, messages: job.data.messages });
new Worker("ask", work, { connection, limiter: { max: 10, duration: 1000 } });
"""
QUEUE = "import { Queue } from 'bullmq';\nexport const jobs = new Queue('ask', { connection });"
SERVER = """
import express from "express";
import { rateLimit } from "express-rate-limit";
import { enqueue } from "./enqueue";
const app = express();
app.post("/chat", %sasync (req, res) => { res.json(await enqueue(req.body)); });
"""
ENQUEUE = "import { jobs } from './queue';\nexport const enqueue = (body) => jobs.add('x', body);"
FILES = {"worker.ts": WORKER, "queue.ts": QUEUE, "server.ts": SERVER % "", "enqueue.ts": ENQUEUE}
BULLMQ = "import { Worker } from 'bullmq'; "
PRO = "import { WorkerPro } from '@taskforcesh/bullmq-pro'; "
BY_USER = "rateLimit({ keyGenerator: (req) => req.user.id, store }), "


def test_a_door_that_queues_jobs_needs_a_limit_of_its_own(tmp_path: Path) -> None:
    (found,) = verdicts(tmp_path, "TG401", FILES)
    assert (found.state, found.text) == (
        State.FAIL,
        (
            "POST /chat queues jobs for Claude for anybody, as often as they like; "
            "BullMQ's limiter holds all users back together, and no single one."
        ),
    )
    assert found.fix.startswith("Count requests by user id before the job is queued")


def test_without_a_limiter_of_the_queue_none_is_spoken_of(tmp_path: Path) -> None:
    files = {**FILES, "worker.ts": WORKER.replace(", limiter: { max: 10, duration: 1000 }", "")}
    (found,) = verdicts(tmp_path, "TG401", files)
    assert found.text == "POST /chat queues jobs for Claude for anybody, as often as they like."
    assert verdicts(tmp_path, "TG402", files) == []


def test_the_limiter_of_a_queue_counts_no_user(tmp_path: Path) -> None:
    (found,) = verdicts(tmp_path, "TG402", FILES)
    assert (found.state, found.text) == (State.WARN, "BullMQ's limiter counts all users together, not users.")
    assert "before a job is queued" in found.fix
    assert verdicts(tmp_path, "TG403", FILES) == []


def test_beside_a_limit_for_users_it_is_fine(tmp_path: Path) -> None:
    files = {**FILES, "server.ts": SERVER % BY_USER}
    assert verdicts(tmp_path, "TG401", files) == []
    assert verdicts(tmp_path, "TG402", files) == []


def test_another_queue_is_not_for_claude(tmp_path: Path) -> None:
    files = {**FILES, "queue.ts": QUEUE.replace("ask", "mail")}
    (found,) = verdicts(tmp_path, "TG401", files)
    assert (found.state, found.text) == (
        State.UNKNOWN,
        "there are routes, such as POST /chat, and none was seen to lead to Claude",
    )


@pytest.mark.parametrize(
    ("source", "name", "whom"),
    [
        (
            "import { Worker } from 'bullmq'; const o = { limiter: { max: 1 } }; new Worker('x', f, o)",
            "BullMQ's limiter",
            "everybody",
        ),
        ("import Queue from 'bull'; new Queue('x', { limiter: { max: 1 } })", "Bull's limiter", "everybody"),
        ("import Queue from 'bull'; new Queue('x', { limiter: { groupKey: 'userId' } })", "Bull's limiter", "user"),
        (
            f"{PRO}new WorkerPro('x', f, {{ group: {{ limit: {{ max: 1 }} }} }})",
            "BullMQ's group limit",
            "unknown",
        ),
    ],
)
def test_whom_the_limiter_of_a_queue_counts(source: str, name: str, whom: str) -> None:
    (found,) = find_limiters(program({"a.ts": source}))
    assert (found.name, found.whom, found.where) == (name, whom, "shared")


def test_a_worker_without_a_limiter_has_none() -> None:
    assert find_limiters(program({"a.ts": "import { Worker } from 'bullmq'; new Worker('x', f, { connection })"})) == ()


def test_modules_of_node(tmp_path: Path) -> None:
    """`exports.jobs = new Queue(…)`, and `const { jobs } = require("./queue")`."""
    files = {
        **FILES,
        "queue.ts": "const { Queue } = require('bullmq');\nexports.jobs = new Queue('ask', { connection });",
        "enqueue.ts": "const { jobs } = require('./queue');\nmodule.exports.enqueue = (body) => jobs.add('x', body);",
    }
    assert [one.state for one in verdicts(tmp_path, "TG401", files)] == [State.FAIL]


def test_bodies_of_requests_that_are_queued_are_content(tmp_path: Path) -> None:
    logged = "const app = express();\napp.use((req, res, next) => { console.log(req.body); next(); });"
    files = {**FILES, "server.ts": FILES["server.ts"].replace("const app = express();", logged)}
    (found,) = verdicts(tmp_path, "TG1101", files)
    assert found.text == "The body of every request is logged, and users' messages with it."


TASK = """
from celery import shared_task
import anthropic
client = anthropic.Anthropic(timeout=60)

@shared_task%s
def summarise(text):
    return client.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": text}])
"""
ROUTE = (
    "from fastapi import FastAPI\nfrom tasks import summarise\napp = FastAPI()\n@app.post('/x')\ndef new(text: str):\n"
)


@pytest.mark.parametrize("call", ["summarise.delay(text)", "summarise.apply_async(args=[text], countdown=5)"])
def test_a_door_that_has_a_task_run(call: str, tmp_path: Path) -> None:
    (found,) = verdicts(tmp_path, "TG401", {"tasks.py": TASK % "", "a.py": f"{ROUTE}  return {call}.id"})
    assert (found.state, str(found.place)) == (State.FAIL, "a.py:5")
    assert found.text == "POST /x queues jobs for Claude for anybody, as often as they like."


def test_the_limit_of_a_task_counts_no_user(tmp_path: Path) -> None:
    files = {"tasks.py": TASK % '(rate_limit="10/m")', "a.py": f"{ROUTE}  return summarise.delay(text).id"}
    (door,) = verdicts(tmp_path, "TG401", files)
    assert door.text.endswith("Celery's rate_limit holds all users back together, and no single one.")
    (limit,) = verdicts(tmp_path, "TG402", files)
    assert limit.text == "Celery's rate_limit counts all users together, not users."


def test_another_task_is_not_for_claude(tmp_path: Path) -> None:
    files = {"tasks.py": TASK % "", "a.py": f"{ROUTE}  return send_mail.delay(text).id"}
    assert [one.state for one in verdicts(tmp_path, "TG401", files)] == [State.UNKNOWN]
