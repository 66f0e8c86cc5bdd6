"""The operator's command line, on the database of this run."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.accounts.sessions import live_sessions, start
from auditsaas.cli import cli
from auditsaas.demo import command, seed
from auditsaas.demo.activity import WORKSPACES
from auditsaas.demo.views import VIEWS
from auditsaas.events.models import events
from auditsaas.saved_views.models import SavedView
from auditsaas.workspaces.api_keys import authenticate_key
from auditsaas.workspaces.models import Membership, Workspace
from config.settings import Settings
from tests.support import factories
from tests.support.factories import event_input, make_workspace, scoped, unique

Run = Callable[..., Result]

LINE = '203.0.113.7 - - [19/Nov/2025:14:32:0{0} +0000] "GET /{0} HTTP/1.1" {1} 12 "-" "curl/8"\n'


@pytest.fixture
def environment(settings: Settings, engine: Engine) -> dict[str, str]:
    return {
        "DATABASE_URL": settings.database_url,
        "PLATFORM_DATABASE_URL": settings.platform_database_url,
        "MIGRATION_DATABASE_URL": settings.owner_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "DATA_DIR": str(settings.data_dir),
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    def run(*arguments: str | Path, **options: object) -> Result:
        words = [str(argument) for argument in arguments]
        return CliRunner(env=environment).invoke(cli, words, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_text(LINE.format(1, 200) + "not a line\n" + LINE.format(2, 404))
    return path


def _commands(group: object = cli, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = getattr(group, "commands", {})
    return [path, *(p for name, sub in below.items() for p in _commands(sub, (*path, name)))]


def test_operator_removes_a_lost_second_factor(run: Run, session: Session) -> None:
    workspace = make_workspace()
    user = factories.make_member(workspace, user=factories.make_user(totp_secret="x"))
    assert run("user", "remove-second-factor", user.email).exit_code == 2
    session.get_one(User, user.id).totp_confirmed_at = datetime.now(UTC)
    start(session, user.id)
    session.commit()
    done = run("user", "remove-second-factor", user.email)
    assert (done.exit_code, done.output) == (0, f"{user.email}: second factor removed\n")
    session.expire_all()
    assert session.get_one(User, user.id).totp_secret is None
    assert live_sessions(session, user.id) == []
    with scoped(workspace.id) as own:
        event = own.execute(select(events).where(events.c.workspace_id == workspace.id)).one()
    assert event.activity == "user.second_factor_disable"
    assert event.actor_id.startswith("operator:")
    assert event.targets[0]["id"] == str(user.id)


@pytest.mark.parametrize("path", _commands(), ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    result = CliRunner(env={"DATABASE_URL": "unused"}).invoke(cli, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_the_schema_can_be_upgraded_again(run: Run) -> None:
    assert run("db", "upgrade").exit_code == 0


def test_workspace_user_membership_and_key_are_created(run: Run) -> None:
    name, email = unique("Acme"), f"{unique('ann')}@example.com"
    slug = run("workspace", "create", name).stdout.partition(":")[0]
    made = run("user", "create", email, "--password-stdin", input="correct horse battery\n")
    assert made.exit_code == 0
    assert run("member", "add", slug, email, "--role", "auditor").exit_code == 0
    key = run("api-key", "create", slug, "--name", "App", "--scope", "events:write")

    with factories.Sessions() as session:
        access = authenticate_key(key.stdout.strip(), session)
        assert access is not None
        workspace = session.get_one(Workspace, access.workspace_id)
        assert (workspace.name, workspace.slug) == (name, slug)
        member = session.scalars(select(Membership)).one()
        assert (member.user.email, member.role) == (email, "auditor")


def test_a_super_admin_is_made_only_on_request(run: Run) -> None:
    emails = [f"{unique('ann')}@example.com" for _ in range(2)]
    run("user", "create", emails[0], "--password-stdin", input="correct horse battery")
    run(
        "user", "create", emails[1], "--super-admin", "--password-stdin",
        input="correct horse battery",
    )  # fmt: skip
    with factories.Sessions() as session:
        found = session.execute(
            select(User.email, User.is_super_admin).where(User.email.in_(emails))
        )
        assert {row.email: row.is_super_admin for row in found} == {
            emails[0]: False,
            emails[1]: True,
        }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["workspace", "create", "A", "--slug", "admin"], "cannot be used"),
        (["workspace", "create", "A", "--slug", "{taken}"], "is taken"),
        (["user", "create", "no address", "--password-stdin"], "is not an email address"),
        (["user", "create", "ann@example.com"], "use --password-stdin"),
        (["member", "add", "no-such", "a@example.com", "--role", "admin"], "no workspace"),
        (["member", "add", "{taken}", "no@example.com", "--role", "admin"], "Nobody has"),
        (["member", "add", "{taken}", "no@example.com", "--role", "king"], "Invalid value"),
        (["api-key", "create", "no-such", "--name", "x", "--scope", "exports"], "no workspace"),
        (["api-key", "create", "{taken}", "--name", "x"], "Missing option"),
        (["import", "no-such", "--format", "combined", "{file}"], "There is no workspace"),
        (["import", "{taken}", "--format", "combined", "/no/such.log"], "does not exist"),
        (["import", "{taken}", "--format", "elvish", "{file}"], "Invalid value"),
        (["import", "{taken}", "--format", "combined"], "Missing argument"),
    ],
)
def test_refused_command_prints_a_sentence_and_exits_2(
    run: Run, log_file: Path, arguments: list[str], sentence: str
) -> None:
    taken = make_workspace().slug
    words = [word.format(taken=taken, file=log_file) for word in arguments]
    result = run(*words, input="a password long enough")
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stdout == ""


def test_invalid_setting_prints_a_sentence_and_no_traceback(
    environment: dict[str, str],
) -> None:
    broken = {**os.environ, **environment, "DATABASE_URL": "mysql://x"}
    result = subprocess.run(
        [sys.executable, "-c", "from auditsaas.cli import main; main()", "db", "upgrade"],
        env=broken,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert result.returncode == 2
    assert result.stderr == "Error: DATABASE_URL must start with postgresql://.\n"


def test_valid_lines_are_imported_and_invalid_ones_named(run: Run, log_file: Path) -> None:
    workspace = make_workspace()
    result = run("import", workspace.slug, "--format", "combined", log_file)
    assert result.exit_code == 1
    assert result.stdout == "2 events added, 0 already there, 1 line refused\n"
    assert result.stderr.startswith("line 2: ")
    with scoped(workspace.id) as session:
        paths = session.scalars(
            select(events.c.path).where(events.c.activity == "http.get").order_by(events.c.id)
        )
        assert paths.all() == ["/1", "/2"]


def test_importing_a_file_again_adds_nothing(run: Run, log_file: Path) -> None:
    slug = make_workspace().slug
    run("import", slug, "--format", "combined", log_file)
    again = run("import", slug, "--format", "combined", log_file)
    assert again.stdout == "0 events added, 2 already there, 1 line refused\n"


def test_same_content_by_standard_input_or_gzip_adds_nothing(
    run: Run, tmp_path: Path, log_file: Path
) -> None:
    slug = make_workspace().slug
    packed = tmp_path / "access.log.gz"
    packed.write_bytes(gzip.compress(log_file.read_bytes()))
    run("import", slug, "--format", "combined", "-", input=log_file.read_bytes())
    again = run("import", slug, "--format", "combined", packed)
    assert again.stdout == "0 events added, 2 already there, 1 line refused\n"


def test_file_of_several_batches_is_imported_in_order(run: Run, tmp_path: Path) -> None:
    workspace = make_workspace()
    path = tmp_path / "access.log"
    path.write_text(LINE.format(1, 200) * 1201)
    result = run("import", workspace.slug, "--format", "combined", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "1,201 events added, 0 already there, 0 lines refused\n"
    with scoped(workspace.id) as session:
        imported = events.c.activity == "http.get"
        by_id = session.scalars(select(events.c.seq).where(imported).order_by(events.c.id))
        assert by_id.all() == list(range(1, 1202))


def test_only_the_first_twenty_refused_lines_are_shown(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text(LINE.format(1, 200) + "not a line\n" * 25)
    result = run("import", make_workspace().slug, "--format", "combined", path)
    assert result.stderr.count("line ") == 20
    assert "and 5 more refused lines" in result.stderr
    assert result.stdout == "1 event added, 0 already there, 25 lines refused\n"


def test_a_cut_gzip_file_is_refused_whole(run: Run, tmp_path: Path) -> None:
    workspace = make_workspace()
    path = tmp_path / "access.log.gz"
    path.write_bytes(gzip.compress(os.urandom(4000))[:-100])
    result = run("import", workspace.slug, "--format", "combined", path)
    assert result.exit_code == 2
    assert "is not a whole gzip file" in result.stderr
    with scoped(workspace.id) as session:
        assert session.execute(select(events.c.id)).all() == []


def test_an_import_is_itself_an_event(run: Run, log_file: Path) -> None:
    workspace = make_workspace()
    run("import", workspace.slug, "--format", "combined", log_file)
    with scoped(workspace.id) as session:
        event = session.execute(select(events).where(events.c.activity == "log.import")).one()
    assert event.status == "success"
    assert event.actor_id.startswith("operator:")
    assert event.targets[0]["name"] == "access.log"
    assert (event.metadata["added"], event.metadata["refused"]) == (2, 1)


def test_a_terminal_is_asked_for_the_password_twice(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditsaas.commands.people._has_terminal", lambda: True)
    email = f"{unique('ann')}@example.com"
    result = run("user", "create", email, input="correct horse battery\ncorrect horse battery\n")
    assert result.exit_code == 0
    assert "correct horse" not in result.output


@pytest.mark.parametrize("kind", [(), ("--super-admin",)])
@pytest.mark.parametrize("password", ["aaaaaaaaaaaa", "qwertyuiop12", "violet mallory tractor"])
def test_weak_password_is_refused_as_in_the_browser(
    run: Run, kind: tuple[str, ...], password: str
) -> None:
    given = (f"{unique('mallory')}@acme.example", "--password-stdin", *kind)
    assert run("user", "create", *given, input=f"{password}\n").exit_code == 2
    assert run("user", "create", *given, input="violet tractor hums\n").exit_code == 0


def test_demo_is_filled_once_and_prints_the_same_credentials(
    settings: Settings, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    first = command.fill(settings, 300)
    command.announce(settings, first)
    said = capsys.readouterr().out.splitlines()
    assert [line.rsplit(" ", 2 if "sign-in" in line else 1)[0] for line in said] == [
        "url:",
        "sign-in: admin",
        "sign-in: auditor",
        "sign-in: super-admin",
        "api-key: acme",
    ]
    assert command.fill(settings, 300) == first
    with factories.Sessions() as session:
        ids = session.scalars(
            select(Workspace.id).where(Workspace.slug.in_(["acme", "globex", "initech"]))
        ).all()
        access = authenticate_key(first.api_key or "", session)
        assert access is not None
        assert len(access.scopes) == 3
    with scoped(*ids) as session:
        assert len(session.execute(select(events.c.id)).all()) == 300
        kept = session.execute(select(SavedView.workspace_id, SavedView.name)).all()
    assert len(kept) == len(set(kept)) == 2 * len(VIEWS)
    assert (settings.data_dir / "demo.json").stat().st_mode & 0o777 == 0o600


def test_interrupted_demo_filling_is_completed_by_the_next_start(session: Session) -> None:
    ids = {demo.slug: make_workspace().id for demo in WORKSPACES}
    until = datetime.now(UTC)

    class CutOff(Exception):
        pass

    def cut_off(_events: int) -> None:
        raise CutOff

    with pytest.raises(CutOff):
        seed.add_activity(session, ids, total=300, until=until, progress=cut_off)
    seed.add_activity(session, ids, total=300, until=until)
    assert len(session.execute(select(events.c.id)).all()) == 300


def test_export_command_writes_what_the_filter_matches(run: Run, tmp_path: Path) -> None:
    workspace = make_workspace()
    factories.append_events(
        workspace,
        [
            event_input(activity="invoice.update", status="error"),
            event_input(activity="user.login"),
            event_input(activity="invoice.delete", status="error"),
        ],
    )
    path = tmp_path / "log.csv"
    query = "status=error&activity=invoice.*"
    result = run("export", workspace.slug, "--format", "csv", "--query", query, "-o", path)
    assert (result.exit_code, result.stderr) == (0, "2 events written\n")
    header, *rows = path.read_bytes().decode("utf-8-sig").splitlines()
    assert header.startswith("created_at,activity,status,")
    assert [row.split(",")[1] for row in rows] == ["invoice.delete", "invoice.update"]


def test_export_is_written_to_standard_output(run: Run) -> None:
    workspace = make_workspace()
    factories.append_events(workspace, [event_input()])
    result = run("export", workspace.slug, "--format", "csv")
    assert result.stdout_bytes.startswith(b"\xef\xbb\xbfcreated_at,")
    assert result.stdout_bytes.count(b"\r\n") == 2


@pytest.mark.parametrize(
    ("query", "sentence"),
    [("from=yesterdayish", "from"), ("workspace=globex", "another workspace")],
)
def test_invalid_filter_writes_no_file(run: Run, tmp_path: Path, query: str, sentence: str) -> None:
    path = tmp_path / "log.csv"
    slug = make_workspace().slug
    result = run("export", slug, "--format", "csv", "--query", query, "-o", path)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not path.exists()


def test_an_export_is_itself_an_event(run: Run, tmp_path: Path) -> None:
    workspace = make_workspace()
    run("export", workspace.slug, "--format", "csv", "-o", tmp_path / "log.csv")
    with scoped(workspace.id) as session:
        event = session.execute(select(events)).one()
    assert (event.activity, event.metadata["rows"]) == ("export.downloaded", 0)
