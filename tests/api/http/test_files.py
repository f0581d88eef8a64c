"""Files on their way in and out: streamed, bounded, found by their own tenant, and harmless to whoever opens them."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select

from activities.store import tables
from api.services.artifacts import Span, span
from api.services.names import attachment, require_file_name
from tests.api.http.asking import Asking, asking, fields_of
from tests.objectives import Objectives, until
from tests.service import Service, ServiceProcess
from worker.embedded.stack import Addresses

LIMIT = 300_000
COPY = """
tasks:
  - id: copy
    title: Copy it
    steps: [{tool: fake.write, with: {name: "made/{{ files[0].name }}", content: "{{ files[0].size }} bytes"}}]
    deliverables: ["made/*"]
"""


@pytest.fixture
async def ana(service: Service) -> AsyncIterator[Asking]:
    async with asking(service, tenant="files") as caller:
        yield caller


@pytest.fixture(scope="module")
def bounded(objectives: Objectives, addresses: Addresses) -> Iterator[Service]:
    """A service that takes small uploads only."""
    with Service(
        objectives.engine, addresses.temporal_address, objectives.folder, upload_bytes=LIMIT, upload_seconds=2
    ) as served:
        yield served


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in (folder / "artifacts").glob(".incoming-*")]


def uploads_of(objectives: Objectives, tenant: str) -> int:
    query = select(func.count()).select_from(tables.uploads).where(tables.uploads.c.tenant == tenant)
    with objectives.engine.connect() as connection:
        return connection.execute(query).scalar_one()


@pytest.mark.parametrize("size", [0, 10, 64 * 1024, 64 * 1024 + 1, 3_000_000])
async def test_a_file_goes_in_and_comes_out_the_same(ana: Asking, objectives: Objectives, size: int) -> None:
    content = os.urandom(size)
    digest = await ana.upload("data.bin", content)
    assert digest == sha256(content).hexdigest()
    assert objectives.artifacts.read(digest) == content
    known = await ana.get(f"/v1/uploads/{digest}")
    assert (known["name"], known["size"], known["uploaded_by"]) == ("data.bin", size, "ana")
    assert (await ana.client.head(f"/v1/uploads/{digest}")).status_code == 200

    asked = await ana.done("Copy", plan_text=COPY, files=[{"sha256": digest, "name": "renamed.csv"}])

    where = f"/v1/objectives/{asked['id']}/artifacts"
    [given] = (await ana.get(where, task=""))["items"]
    assert (given["name"], given["media_type"], given["size"]) == ("renamed.csv", "text/csv", size)
    assert (await ana.client.get(f"{where}/{digest}")).content == content
    assert (await ana.client.get(f"{where}/renamed.csv")).content == content
    for made in ("made/renamed.csv", "made%2Frenamed.csv"):
        assert (await ana.client.get(f"{where}/{made}")).text == f"{size} bytes"


async def test_the_same_upload_again_is_the_same(ana: Asking, objectives: Objectives) -> None:
    before = uploads_of(objectives, "files")
    first, second = await asyncio.gather(ana.upload("a.txt", b"same"), ana.upload("a.txt", b"same"))
    await ana.upload("b.txt", b"same")
    assert first == second
    assert uploads_of(objectives, "files") == before + 2
    assert (await ana.get(f"/v1/uploads/{first}"))["name"] == "b.txt"


async def test_an_upload_is_its_tenants_own(service: Service, ana: Asking) -> None:
    digest = await ana.upload("secret.txt", b"only ours")
    async with asking(service, tenant="files-2") as eve:
        await eve.refusal(404, "GET", f"/v1/uploads/{digest}")
        assert (await eve.client.head(f"/v1/uploads/{digest}")).status_code == 404
        body = {"text": "Look", "plan_text": COPY, "files": [{"sha256": digest}]}
        problem = await eve.refusal(422, "POST", "/v1/objectives", json=body)
        assert fields_of(problem) == ["body.files.0.sha256"]


async def test_two_files_of_one_name_are_refused(ana: Asking) -> None:
    files = [{"sha256": await ana.upload("a.csv", content)} for content in (b"1", b"2")]
    problem = await ana.refusal(422, "POST", "/v1/objectives", json={"text": "Look", "plan_text": COPY, "files": files})
    assert fields_of(problem) == ["body.files.1.name"]


async def test_tables_are_checked_before_anything_begins(ana: Asking) -> None:
    digest = await ana.upload("ragged.csv", b"a,b\n1,2\n3,4,5\n6,7\n")
    book = "files: {kind: tables}\ntasks: [{id: a, title: A, steps: [{tool: fake.noop}]}]"
    body = {"text": "Look", "plan_text": book, "files": [{"sha256": digest}]}
    problem = await ana.refusal(422, "POST", "/v1/objectives", json=body)
    assert fields_of(problem) == ["body.files.0"]
    assert "line 3" in problem["errors"][0]["message"]


async def test_a_json_file_is_a_file_however_large_and_broken(ana: Asking) -> None:
    content = b'{"a": NaN, "b": "\\ud800"' + b" " * 2_000_000
    headers = {"Content-Type": "application/json"}
    answer = await ana.client.post("/v1/uploads", params={"name": "a.json"}, content=content, headers=headers)
    assert (answer.status_code, answer.json()["size"]) == (201, len(content))


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "a/b", "/etc/passwd", "..\\up", "a\nb", "a\0b", "\u2028", "x" * 201, "é" * 101, " a"]
)
async def test_a_name_that_is_no_files_name_is_refused(ana: Asking, name: str) -> None:
    problem = await ana.refusal(422, "POST", "/v1/uploads", params={"name": name}, content=b"x")
    assert fields_of(problem) == ["query.name"]


def head_of(ana: Asking, *lines: str) -> bytes:
    said = ["POST /v1/uploads?name=a.bin HTTP/1.1", "Host: x", f"Authorization: {ana.client.headers['Authorization']}"]
    return "\r\n".join([*said, *lines, "", ""]).encode()


async def test_too_large_an_upload_is_refused_before_it_is_read(bounded: Service, objectives: Objectives) -> None:
    async with asking(bounded, tenant="large") as ana:
        answer = await ana.raw(head_of(ana, f"Content-Length: {LIMIT + 1}"))
        assert answer.startswith(b"HTTP/1.1 413 ")
    assert uploads_of(objectives, "large") == 0


async def test_an_upload_that_turns_out_too_large_leaves_nothing_behind(
    bounded: Service, objectives: Objectives
) -> None:
    async with asking(bounded, tenant="large") as ana:
        chunk = b"x" * 100_001
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for _ in range(3))
        answer = await ana.raw(head_of(ana, "Transfer-Encoding: chunked") + body)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert len(await ana.upload("fits.bin", b"y" * LIMIT)) == 64
    assert uploads_of(objectives, "large") == 1
    assert left_behind(objectives.folder) == []


async def test_an_upload_without_a_body_is_no_empty_file(ana: Asking) -> None:
    answer = await ana.raw(head_of(ana, "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 422 ")


async def test_an_upload_that_breaks_off_leaves_nothing_behind(bounded: Service, objectives: Objectives) -> None:
    async with asking(bounded, tenant="broken") as ana:
        base = ana.client.base_url
        _, writer = await asyncio.open_connection(base.host, base.port)
        writer.write(head_of(ana, "Content-Length: 200000") + b"x" * 150_000)
        await writer.drain()
        await until(lambda: bool(left_behind(objectives.folder)))
        writer.transport.abort()
        await until(lambda: not left_behind(objectives.folder))
    assert uploads_of(objectives, "broken") == 0


async def test_an_upload_that_never_ends_is_ended(bounded: Service, objectives: Objectives) -> None:
    async with asking(bounded, tenant="slow") as ana:
        answer = await ana.raw(head_of(ana, "Content-Length: 200000") + b"x" * 1000)
        assert answer.startswith(b"HTTP/1.1 504 ")
    await until(lambda: not left_behind(objectives.folder))
    assert uploads_of(objectives, "slow") == 0


async def test_a_large_file_is_never_whole_in_memory(objectives: Objectives, addresses: Addresses) -> None:
    size, piece = 200 << 20, os.urandom(1 << 20)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // len(piece)):
            yield piece

    with ServiceProcess(objectives.engine, addresses.temporal_address, objectives.folder) as served:
        async with asking(served, tenant="huge") as ana:
            await ana.upload("warm.bin", piece * 3)
            assert served.process is not None
            process = psutil.Process(served.process.pid)
            before = process.memory_info().rss
            digest = await ana.upload("huge.bin", pieces())
            peak = process.memory_info().rss
            asked = await ana.done("Copy", plan_text=REPORTLESS, files=[{"sha256": digest}])
            got = 0
            async with ana.client.stream("GET", f"/v1/objectives/{asked['id']}/artifacts/{digest}") as answer:
                async for chunk in answer.aiter_bytes():
                    got += len(chunk)
            assert got == size
            assert max(peak, process.memory_info().rss) - before < 60 << 20


REPORTLESS = "tasks: [{id: a, title: A, steps: [{tool: file.read, with: {name: huge.bin}}]}]"


@pytest.fixture
async def made(ana: Asking) -> tuple[str, bytes]:
    """Where an artifact of 100,000 bytes is, and what is in it."""
    text = ("0123456789" * 10_000).encode()
    digest = await ana.upload("digits.txt", text)
    asked = await ana.ask("Copy", plan_text=COPY, files=[{"sha256": digest}])
    return f"/v1/objectives/{asked['id']}/artifacts/digits.txt", text


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-9", 206, (0, 10)),
        ("bytes=99995-", 206, (99_995, 100_000)),
        ("bytes=-5", 206, (99_995, 100_000)),
        ("bytes=99990-200000", 206, (99_990, 100_000)),
        ("bytes=-200000", 206, (0, 100_000)),
        ("bytes=5-4", 200, (0, 100_000)),
        ("bytes=0-1,5-6", 200, (0, 100_000)),
        ("lines=0-1", 200, (0, 100_000)),
        ("bytes=-", 200, (0, 100_000)),
        ("bytes=" + "9" * 100, 200, (0, 100_000)),
    ],
)
async def test_parts_of_an_artifact_can_be_had(
    ana: Asking, made: tuple[str, bytes], asked: str, status: int, expected: tuple[int, int]
) -> None:
    where, text = made
    answer = await ana.client.get(where, headers={"Range": asked})
    start, end = expected
    assert (answer.status_code, answer.content) == (status, text[start:end])
    assert answer.headers["Content-Length"] == str(end - start)
    if status == 206:
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/100000"


async def test_ranges_keep_to_what_was_begun(ana: Asking, made: tuple[str, bytes]) -> None:
    where, text = made
    whole = await ana.client.get(where)
    etag = whole.headers["ETag"]
    assert etag == f'"{sha256(text).hexdigest()}"'
    problem = await ana.client.get(where, headers={"Range": "bytes=100000-"})
    assert (problem.status_code, problem.headers["Content-Range"]) == (416, "bytes */100000")
    same = await ana.client.get(where, headers={"Range": "bytes=0-0", "If-Range": etag})
    other = await ana.client.get(where, headers={"Range": "bytes=0-0", "If-Range": '"another"'})
    assert (same.status_code, other.status_code, other.content) == (206, 200, text)
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        unchanged = await ana.client.get(where, headers={"If-None-Match": known})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
    looked = await ana.client.head(where)
    assert (looked.status_code, looked.headers["Content-Length"], looked.content) == (200, "100000", b"")


async def test_whatever_an_artifact_holds_a_browser_only_saves_it(ana: Asking) -> None:
    digest = await ana.upload('x";.html', b"<script>alert(1)</script>")
    asked = await ana.ask("Copy", plan_text=COPY, files=[{"sha256": digest}])
    answer = await ana.client.get(f"/v1/objectives/{asked['id']}/artifacts/{digest}")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"x_;.html\"; filename*=UTF-8''x%22%3B.html"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "immutable" in answer.headers["Cache-Control"]


async def test_content_that_is_lost_is_said_to_be(ana: Asking, objectives: Objectives) -> None:
    content = os.urandom(100_000)
    digest = await ana.upload("gone.bin", content)
    asked = await ana.done("Copy", plan_text=COPY, files=[{"sha256": digest}])
    (objectives.folder / "artifacts" / digest[:2] / digest[2:]).unlink()
    problem = await ana.refusal(404, "GET", f"/v1/objectives/{asked['id']}/artifacts/{digest}")
    assert "is missing" in problem["detail"]


async def test_what_belongs_to_another_objective_is_not_found(ana: Asking) -> None:
    digest = await ana.upload("one.txt", b"of one objective")
    one = await ana.done("Copy", plan_text=COPY, files=[{"sha256": digest}])
    other = await ana.done("Another")
    where = f"/v1/objectives/{other['id']}/artifacts"
    for name in (digest, "one.txt", one["plan"], "nothing.txt", "../one.txt", "x" * 300):
        await ana.refusal(404, "GET", f"{where}/{name}")
    verdicts = (await ana.get(f"/v1/objectives/{other['id']}/verdicts"))["items"]
    for kept in (other["plan"], other["request"]["playbook"]["sha256"], verdicts[0]["report"]):
        assert (await ana.client.get(f"{where}/{kept}")).status_code == 200


def test_a_range_is_a_span_of_bytes() -> None:
    assert span("bytes=2-3", 10) == Span(2, 4)
    assert span("bytes=0-0", 1) == Span(0, 1)
    assert span("", 10) is None


def test_a_header_names_any_file() -> None:
    assert attachment("Größe/naïve “name”.csv").startswith(
        "attachment; filename=\"nai?ve ?name?.csv\"; filename*=UTF-8''na"
    )
    assert "\n" not in attachment("a\nb")
    assert require_file_name("価格 (1).csv") == "価格 (1).csv"
