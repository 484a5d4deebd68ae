"""Parquet, JSON Lines and shards hold the same records, the same bytes each time, and nothing that looks whole when it is not."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spacestudio.domain.captions import BoxTable, CaptionRows
from spacestudio.errors import FormatError
from spacestudio.formats import sr4g
from spacestudio.formats.sr4g import Header, picture_in, read_captions, writer

KINDS = ["c.parquet", "c.jsonl", "shards"]
ABOUT = {"command": "python …", "counts": {"captions": 5}}
CARD = "---\npretty_name: Captions\n---\n# Captions\n"
ODD = '<b>"quoted"\n\\back\u2028</b>'


def header(pictures=None, ids=(7, 8, 9)):
    table = BoxTable(
        list(ids),
        ["a.jpg", f"{ODD}.jpg", "sub/c.png"],
        np.array([[640, 480]] * 3, float),
        ["cat", ODD],
        np.array([0, 2, 4, 6]),
        np.array([0, 1] * 3),
        np.array([[0, 1.25, 2, 3.333333]] * 6) * np.arange(1, 7)[:, None],
        np.zeros((6, 2)),
        np.ones(6, bool),
    )
    return Header(table, ("left of", "wider"), "sstd", pictures)


def batches():
    """Five captions of three pictures, in two batches."""
    whole = [np.array(c) for c in ((0, 0, 1, 2, 2), (0, 1, 2, 4, 5), (1, 0, 3, 5, 4), (0, 1, 1, 0, 0), (0, 0, 2, 1, 1))]
    which = np.array([0, 1, 1, 0, 0])
    for part in (slice(0, 3), slice(3, 5)):
        yield CaptionRows(*(column[part] for column in whole)), ["one", f"two {ODD}"], which[part]


RECORDS = [
    (7, "a.jpg", "one", "cat", "left of", ODD, 1, 2, "train"), (7, "a.jpg", f"two {ODD}", ODD, "wider", "cat", 2, 1, "train"),
    (8, f"{ODD}.jpg", f"two {ODD}", "cat", "wider", ODD, 3, 4, "test"), (9, "sub/c.png", "one", "cat", "left of", ODD, 5, 6, "validation"),
    (9, "sub/c.png", "one", ODD, "left of", "cat", 6, 5, "validation"),
]  # fmt: skip


def box(times):
    return (0.0, 1.25 * times, 2.0 * times, 3.333333 * times)


def write(out, head=None):
    with writer(out, head or header()) as sink:
        for rows in batches():
            sink.write(*rows)
        return sink.finish(ABOUT, CARD)


def about_of(path):
    """What a file or folder of captions says of itself."""
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            return json.loads(file.metadata.metadata[sr4g.KEY])
    return json.loads((path / "card.json" if path.is_dir() else path.with_name(f"{path.stem}.card.json")).read_text())


def digest(path):
    files = sorted(p for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file())
    return [(p.name, hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


@pytest.mark.parametrize("name", KINDS)
def test_what_is_written_is_read_back(name, tmp_path):
    files = write(tmp_path / "new" / name)
    assert all(file.is_file() for file in files)
    got = [
        (c.image_id, c.file_name, c.caption, c.subject, c.relation, c.object, c.subject_box, c.object_box, c.split)
        for c in read_captions(tmp_path / "new" / name)
    ]
    key = lambda record: (record[0], record[3] != "cat")  # noqa: E731  shards keep one split after the other
    assert sorted(got, key=key) == [(*r[:6], pytest.approx(box(r[6])), pytest.approx(box(r[7])), r[8]) for r in RECORDS]
    assert {c.rule_set for c in read_captions(tmp_path / "new" / name)} == {"sstd"}
    assert about_of(tmp_path / "new" / name) == ABOUT
    assert CARD in [file.read_text() for file in files if file.name == "README.md"]


@pytest.mark.parametrize("name", KINDS)
def test_the_same_bytes_each_time(name, tmp_path):
    for place in ("one", "two"):
        write(tmp_path / place / name)
    assert digest(tmp_path / "one" / name) == digest(tmp_path / "two" / name)


def test_json_lines_are_as_json_writes_them(tmp_path):
    write(tmp_path / "c.jsonl")
    lines = (tmp_path / "c.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    fields = [
        "image_id",
        "file_name",
        "caption",
        "subject",
        "relation",
        "object",
        "subject_box",
        "object_box",
        "rule_set",
        "split",
    ]
    for line in lines:
        record = json.loads(line)
        assert list(record) == fields and json.dumps(record, ensure_ascii=False) == line


def test_parquet_in_row_groups_with_plain_columns(tmp_path, monkeypatch):
    monkeypatch.setattr(sr4g, "ROW_GROUP", 2)
    write(tmp_path / "c.parquet")
    with pq.ParquetFile(tmp_path / "c.parquet") as file:
        assert [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)] == [2, 1, 2]
        schema = file.schema_arrow
    assert schema.field("image_id").type == pa.int64() and schema.field("subject_box").type == pa.list_(pa.float64(), 4)
    assert {
        schema.field(n).type for n in ("file_name", "caption", "subject", "relation", "object", "rule_set", "split")
    } == {pa.string()}


def test_text_ids_make_a_text_column(tmp_path):
    write(tmp_path / "c.parquet", header(ids=("a", 8, "c")))
    assert [c.image_id for c in read_captions(tmp_path / "c.parquet")] == ["a", "a", "8", "c", "c"]


def interrupted(out):
    there = out.exists()
    with writer(out, header()) as sink:
        for rows in batches():
            sink.write(*rows)
            assert out.exists() == there
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", KINDS)
def test_an_interrupted_run_leaves_nothing(name, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_leaves_what_was_there(tmp_path):
    write(tmp_path / "c.jsonl")
    before = digest(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "c.jsonl")
    assert digest(tmp_path) == before


def test_a_readme_of_another_kind_stays(tmp_path):
    (tmp_path / "README.md").write_text("# My project\n")
    write(tmp_path / "c.jsonl")
    assert (tmp_path / "README.md").read_text() == "# My project\n" and (tmp_path / "c.README.md").read_text() == CARD
    (tmp_path / "README.md").write_text(CARD.replace("# Captions", "# older"))
    write(tmp_path / "c.jsonl")
    assert (tmp_path / "README.md").read_text() == CARD


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "d.parquet").mkdir()
    for name in ("full", "c.csv", "d.parquet", "full/file/c.jsonl"):
        with pytest.raises(FormatError) as caught:
            writer(tmp_path / name, header())
        assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["d.parquet", "file", "full"]


def test_shards_hold_pictures_and_their_captions(tmp_path):
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"first picture")
    (folder / "sub" / "c.png").write_bytes(b"third picture")
    with writer(tmp_path / "shards", header(folder)) as sink:
        kept = [len(sink.write(*rows)) for rows in batches()]
        sink.finish(ABOUT, CARD)
    (lost,) = sink.tallies
    assert kept == [2, 2] and (lost.key, lost.count) == ("without_picture", 1)
    members = {}
    for shard in sorted((tmp_path / "shards").glob("*.tar")):
        with tarfile.open(shard) as tar:
            members[shard.name] = {m.name: tar.extractfile(m).read() for m in tar}
            assert all((m.mtime, m.uid, m.uname) == (0, 0, "") for m in tar.getmembers())
    assert list(members) == ["train-000000.tar", "validation-000000.tar"]
    train = members["train-000000.tar"]
    assert list(train) == ["000000000007.json", "000000000007.jpg"] and train["000000000007.jpg"] == b"first picture"
    assert [c["caption"] for c in json.loads(train["000000000007.json"])["captions"]] == ["one", f"two {ODD}"]


def test_a_full_shard_is_followed_by_another(tmp_path, monkeypatch):
    monkeypatch.setattr(sr4g, "SHARD_PICTURES", 1)
    with writer(tmp_path / "shards", header()) as sink:
        for rows, captions, which in batches():
            sink.write(CaptionRows(rows.image, rows.subject, rows.object, rows.relation, rows.split * 0), captions, which)
        files = sink.finish(ABOUT, CARD)
    assert [f.name for f in files] == ["README.md", "card.json", "train-000000.tar", "train-000001.tar", "train-000002.tar"]
    assert len(list(read_captions(tmp_path / "shards"))) == 5


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/hostname", "", "none.jpg", "."])
def test_pictures_outside_the_folder_are_not_read(name, tmp_path):
    (tmp_path / "secret.jpg").touch()
    (tmp_path / "images").mkdir()
    with pytest.raises(FormatError, match="is not in images"):
        picture_in(tmp_path / "images", name)


def test_files_that_hold_no_captions(tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"caption": 3}\n')
    (tmp_path / "worse.jsonl").write_text("nonsense\n")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    for name in ("bad.jsonl", "worse.jsonl", "bad.parquet", "other.parquet", "none.jsonl"):
        with pytest.raises(FormatError):
            list(read_captions(tmp_path / name))


@pytest.mark.parametrize("text", ["[1]", "5", "{}", '{"captions": 5}', '{"captions": {"a": 1}}', "[" * 100_000])
def test_a_shard_of_another_shape_is_refused_in_one_line(tmp_path, text):
    with tarfile.open(tmp_path / "train-000000.tar", "w") as tar:
        member = tarfile.TarInfo("1.json")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    with pytest.raises(FormatError) as caught:
        list(read_captions(tmp_path))
    assert "\n" not in str(caught.value)


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path):
    (tmp_path / "secret.jpg").touch()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "in.jpg").touch()
    (tmp_path / "images" / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    assert picture_in(tmp_path / "images", "in.jpg").name == "in.jpg"
    with pytest.raises(FormatError, match="is not in images"):
        picture_in(tmp_path / "images", "out.jpg")
