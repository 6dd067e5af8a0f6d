"""Files of torch that are checked before anything in them is used, and that cannot run code.

In: a path.  Out: tensors and plain values, or DataError; and the bytes of such a file. torch writes a zip archive whose
members carry a CRC-32 each, and does not look at it when it reads; here it is looked at.
"""

import io
import zipfile
from pathlib import Path
from typing import IO, Any

import torch

from crystalmatrix.errors import DataError

_FOLDER = 0x10  # bit of a member's attributes (MS-DOS), which torch's own reader goes by


def torch_bytes(content: Any) -> memoryview:
    """What torch.save writes. Not by torch into a file: on a full disk it fails with a riddle of its own."""
    packed = io.BytesIO()
    torch.save(content, packed)
    return packed.getbuffer()


def read_torch_file(path: Path) -> Any:
    """What torch.save wrote, on the CPU. Raises DataError, whose text is the path and what is wrong."""
    with path.open("rb") as handle:
        try:
            wrong = _damage(handle)
            handle.seek(0)
            content = None if wrong else torch.load(handle, map_location="cpu", weights_only=True)
        except Exception as error:  # a cut or foreign file fails in many ways: zip, pickle, tensor sizes
            wrong = type(error).__name__
    if wrong:
        raise DataError(f"{path}: damaged, or not a file of this workflow ({wrong})")
    return content


def _damage(handle: IO[bytes]) -> str | None:
    """What is wrong with the archive, None where every member is what was written; reads 1 GB/s."""
    size = handle.seek(0, 2)
    with zipfile.ZipFile(handle) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        if len(set(names)) < len(names):
            return "a name twice in the archive"
        if any(name.startswith("/") or ".." in name.split("/") for name in names):
            return "a name outside the archive"
        # torch compresses nothing: what unpacks to more than the file is a bomb
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            return "compressed"
        # of a folder torch reads nothing, and takes what happens to be in memory for the tensor
        if any(member.external_attr & _FOLDER or member.is_dir() for member in members):
            return "a folder in the archive"
        if sum(member.file_size for member in members) > size:
            return "members larger than the file"
        wrong = archive.testzip()
    return f"checksum of {wrong}" if wrong else None
