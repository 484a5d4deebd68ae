"""A folder as one ZIP file, the same bytes each time, and back without harm."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from spacestudio.errors import FormatError
from spacestudio.formats.door import reason

MOMENT = (1980, 1, 1, 0, 0, 0)
"""Date of every member: the first a ZIP can state."""
LEVEL = 6
MAX_FILES = 200_000
_STORED = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".parquet", ".npz", ".zip"})
"""Already compressed."""
_CHUNK = 1 << 20


def zip_folder(folder: Path, file: Path) -> Path:
    """Write all files of a folder as a ZIP: names sorted, dates fixed, no system's marks; same files, same bytes.

    Hidden files and folders are left out. The file is written beside and moved into place.

    Raises:
        FormatError: there is no such folder, or the file can't be written.
    """
    if not folder.is_dir():
        raise FormatError(f"“{folder}” is no folder")
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        inside = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
            for name in sorted(inside):
                path = inside[name]
                if any(p.startswith(".") for p in PurePosixPath(name).parts) or path.samefile(part):
                    continue
                info = zipfile.ZipInfo(name, MOMENT)
                info.create_system, info.external_attr = 3, 0o644 << 16
                info.compress_type = zipfile.ZIP_STORED if path.suffix.lower() in _STORED else zipfile.ZIP_DEFLATED
                info.file_size = path.stat().st_size
                with path.open("rb") as source, archive.open(info, "w") as target:
                    shutil.copyfileobj(source, target, _CHUNK)
        part.replace(file)
    except OSError as error:
        raise FormatError(f"“{file.name}” can't be written ({reason(error)})", next_step="Choose another place") from None
    finally:
        part.unlink(missing_ok=True)
    return file


def unzip(file: Path, folder: Path, limit_mb: int = 2048) -> list[Path]:
    """Extract a ZIP into `folder`; the files, in order of name.

    Everything is checked before the first byte is written: no way out of the folder, no absolute name, no link, not
    more than `limit_mb` in all. What a member claims is not trusted while it unpacks.

    Raises:
        FormatError: no ZIP file, damaged, encrypted, or one of the above.
    """
    called = f"“{file.name}”"
    limit = limit_mb * 1_000_000
    try:
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if len(members) > MAX_FILES:
                raise FormatError(f"{called} holds {len(members):,} files", f"at most {MAX_FILES:,}")
            if (total := sum(m.file_size for m in members)) > limit:
                raise FormatError(f"{called} unpacks to {total / 1e6:,.0f} MB", f"at most {limit_mb:,} MB")
            targets = [_target(m, folder, called) for m in members]
            if len(set(targets)) < len(targets):
                raise FormatError(f"{called} holds two files of one name", "each name once")
            folder.mkdir(parents=True, exist_ok=True)
            for member, target in zip(members, targets, strict=True):
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as sink:
                    while chunk := source.read(min(_CHUNK, limit + 1)):
                        limit -= len(chunk)
                        if limit < 0:
                            raise FormatError(f"{called} unpacks to more than it claims", f"at most {limit_mb:,} MB")
                        sink.write(chunk)
    except FormatError:
        raise
    except Exception as error:  # zipfile raises BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, …
        raise FormatError(f"{called} can't be unpacked ({reason(error)})", "a whole ZIP file without a password") from None
    return sorted(targets)


def _target(member: zipfile.ZipInfo, folder: Path, called: str) -> Path:
    name = member.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name or not path.parts:
        raise FormatError(f"{called} holds “{name[:80]}”, which leads out of the folder", "plain relative names")
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise FormatError(f"{called} holds “{name[:80]}”, a link or device", "plain files")
    target = folder / path
    if not target.resolve().is_relative_to(folder.resolve()):
        raise FormatError(f"{called} holds “{name[:80]}”, which leads out of the folder", "plain relative names")
    return target
