"""Blocks in mapped files: shared by all jobs through the system's page cache, verified once a job, and let go again.

In: paths.  Out: MappedBlocks. Opening reads next to nothing. A block's pages are read when something first uses it, and
its checksum is verified then, so no damaged number reaches a network. When the blocks in use would exceed a limit,
their pages are given back: what a job holds is bounded whatever the size of the set, and what the system still has
cached comes back without reading the disk.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from crystalmatrix.contracts.features import CHECKSUM, ROWS_CHECKSUM, FeaturesMetadata
from crystalmatrix.errors import DataError
from crystalmatrix.features.blocks import Block, MappedBlock, checksum, n_bytes, rows_checksum


@dataclass(frozen=True)
class MappedFile:
    """One file of the stage."""

    path: Path
    metadata: FeaturesMetadata
    blocks: list[MappedBlock]
    checksums: list[int]  # of each block
    content: mmap.mmap


def open_file(path: Path) -> MappedFile:
    """Map a file. Raises DataError, one line, for a missing, cut or foreign one or another version."""
    metadata = FeaturesMetadata.of_table(path)
    with path.open("rb") as handle:
        content = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        blocks, checksums = _blocks(content, metadata)
    except Exception as error:  # what describes a block may be damaged in any way
        raise DataError(f"{path}: damaged ({type(error).__name__}); delete the file and run again") from None
    return MappedFile(path, metadata, blocks=blocks, checksums=checksums, content=content)


def _blocks(content: mmap.mmap, metadata: FeaturesMetadata) -> tuple[list[MappedBlock], list[int]]:
    """The blocks, each of which holds the crystals that it was written with, and the checksums of their numbers."""
    reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(content)))
    blocks, checksums = [], []
    for k in range(reader.num_record_batches):
        found = reader.get_batch_with_custom_metadata(k)
        found.batch.validate()  # no array reaches past the file
        block = MappedBlock(found.batch, metadata.items)
        if int(found.custom_metadata.get(ROWS_CHECKSUM, rows_checksum(block))) != rows_checksum(block):
            raise ValueError(f"rows of block {k}")
        blocks.append(block)
        checksums.append(int(found.custom_metadata[CHECKSUM]))
    return blocks, checksums


class MappedBlocks:
    """The blocks of several files. To index one is to use it; at most `limit` bytes of them are held at a time."""

    def __init__(self, opened: list[MappedFile], *, limit: int) -> None:
        self.limit = limit
        self.held_bytes = 0  # of the blocks used since pages were last given back
        self._files = opened
        self._blocks = [(file, k) for file in opened for k in range(len(file.blocks))]
        self._held: set[int] = set()
        self._verified: set[int] = set()

    def __iter__(self) -> Iterator[Block]:
        return (file.blocks[k] for file, k in self._blocks)

    def __getitem__(self, index: int, /) -> Block:
        file, k = self._blocks[index]
        if index not in self._held:
            self._hold(index, file, k)
        return file.blocks[k]

    def _hold(self, index: int, file: MappedFile, k: int) -> None:
        size = n_bytes(file.blocks[k])
        if self.held_bytes + size > self.limit:
            _give_back(self._files)
            self._held.clear()
            self.held_bytes = 0
        self._held.add(index)
        self.held_bytes += size
        if index in self._verified:
            return
        if checksum(file.blocks[k]) != file.checksums[k]:
            raise DataError(f"{file.path}: block {k} is damaged (checksum); delete the file and run again")
        self._verified.add(index)
        _give_back([file])  # the checksum read the whole block, of which a batch needs a few crystals


def _give_back(opened: list[MappedFile]) -> None:
    """The pages, to the system, which may keep them cached. Windows takes them itself when it needs to."""
    if hasattr(mmap, "MADV_DONTNEED"):
        for file in opened:
            file.content.madvise(mmap.MADV_DONTNEED)
