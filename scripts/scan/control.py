"""A deliberately vulnerable application: what the scanners must find, to be believed elsewhere.

It is no part of the product, listens on loopback only, and holds nothing but invented rows.
"""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from flask import Flask, redirect, request

app = Flask(__name__)
PEOPLE = ("Ann Lee", "Bob Ray", "Cem Ak")


def database() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, secret TEXT)")
    for name in PEOPLE:
        digest = hashlib.md5(name.encode()).hexdigest()  # bandit: a broken hash
        made.execute("INSERT INTO people (name, secret) VALUES (?, ?)", (name, digest))
    return made


@app.get("/")
def index() -> str:
    return (
        '<a href="/people?name=Ann">people</a> <a href="/greet?name=Ann">greet</a>'
        ' <a href="/file?path=README.md">file</a> <a href="/go?to=/">go</a>'
    )


@app.get("/people")
def people() -> str:
    name = request.args.get("name", "")
    try:
        rows = database().execute(f"SELECT name FROM people WHERE name LIKE '%{name}%'").fetchall()
    except sqlite3.Error as error:
        return f"sqlite3.OperationalError: {error}"
    return "<br>".join(row[0] for row in rows)


@app.get("/greet")
def greet() -> str:
    return f"<p>Hello {request.args.get('name', '')}</p>"


@app.get("/file")
def file() -> str:
    return Path(request.args.get("path", "README.md")).read_text()


@app.get("/ping")
def ping() -> str:
    host = request.args.get("host", "localhost")
    return subprocess.check_output(f"echo {host}", shell=True, text=True)


@app.get("/go")
def go() -> Any:
    return redirect(request.args.get("to", "/"))


@app.get("/person/<int:number>")
def person(number: int) -> dict[str, str]:
    return {"name": PEOPLE[number]}


@app.get("/openapi.json")
def described() -> dict[str, Any]:
    number = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}
    answer = {"description": "who that is"}
    return {
        "openapi": "3.0.3",
        "info": {"title": "control", "version": "1"},
        "paths": {
            "/person/{number}": {"get": {"parameters": [number], "responses": {200: answer}}}
        },
    }


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]))
