"""Command lines of Python, each run in a fork of one process that has done the imports.

In: a command line as for `subprocess.run`.  Out: `subprocess.CompletedProcess`, as text.

The fork is what a start of its own would be: it has its argv, folder, environment, files and signals, and it ends
before the next one begins, so nothing is handed on. Only the imports of other people's packages, and for `predict`
of ours, are done once a test process: 1.2 s of processor time of Snakemake, 2.9 s of what predicts.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# And nothing of ours: tests edit copies of it.
SNAKEMAKE = ("snakemake.cli", "snakemake.report.html_reporter", "snakemake.storage", "snakemake.profiles", "pydantic")
PREDICTING = ("crystalmatrix.inference.screening", "crystalmatrix.training.device", "pandas", "crystalmatrix.models.e3")
_LARGEST = 1 << 20  # bytes of a request, of which the environment is the most


def run(
    command: Sequence[str | Path],
    *,
    preload: tuple[str, ...],
    cwd: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    merged: bool = False,
) -> subprocess.CompletedProcess[str]:
    """`[sys.executable, script | "-m" module | "-c" code, ...]`; `merged`: stderr goes into stdout."""
    arguments = [str(word) for word in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull, "rb") as nothing:
        files = [nothing, out, out if merged else err]
        if sys.platform != "linux" or _interpreter(environment) != _interpreter(os.environ):
            code = subprocess.run(arguments, cwd=cwd, env=environment, stdin=files[0], stdout=files[1], stderr=files[2])
            returned = code.returncode
        else:
            call = {"command": arguments[1:], "cwd": str(cwd or Path.cwd()), "environment": dict(environment)}
            channel = _server(preload)
            socket.send_fds(channel, [json.dumps(call).encode()], [file.fileno() for file in files])
            returned = int(channel.recv(64) or b"-9")
        texts = [(file.seek(0), file.read())[1].decode(errors="replace") for file in (out, err)]
    return subprocess.CompletedProcess(arguments, returned, *texts)


def _interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    """What Python reads when it starts: a fork has it from its parent."""
    read = {name: value for name, value in environment.items() if name.startswith(("PYTHON", "OMP_"))}
    return read | {"PYTHONPATH": ""}  # which a fork takes up


@functools.cache
def _server(preload: tuple[str, ...]) -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, __file__, str(theirs.fileno()), *preload]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    atexit.register(lambda: (ours.close(), process.wait()))
    return ours


def _serve(channel: socket.socket) -> dict[str, Any]:
    """One fork after the other; returns in the fork."""
    while True:
        message, files, *_ = socket.recv_fds(channel, _LARGEST, 3)
        if not message:  # the tests have ended
            sys.exit()
        assert threading.active_count() == 1, "a fork would lack the threads of the imports"
        if not (child := os.fork()):
            for place, file in enumerate(files):
                os.dup2(file, place)
            channel.close()
            os.closerange(3, 1024)
            return json.loads(message)
        for file in files:
            os.close(file)
        channel.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def _become(call: dict[str, Any]) -> None:
    """From here on what `python ...` is after its start."""
    os.chdir(call["cwd"])
    os.environ.clear()
    os.environ.update(call["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout.reconfigure(line_buffering=False)  # type: ignore[union-attr]  # as into a file
    folders = call["environment"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [folder for folder in folders if folder and folder not in sys.path]
    try:
        _execute(call["command"], call["cwd"])
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    # As multiprocessing ends its forks: to take every module down would cost a second, most of it copies of pages.
    threading._shutdown()  # type: ignore[attr-defined]  # the public way is to end the interpreter
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _execute(command: list[str], cwd: str) -> None:
    kind, *rest = command
    if kind == "-c":
        sys.path[0], sys.argv = "", ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    elif kind == "-m":
        sys.path[0], sys.argv = cwd, rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0], sys.argv = str(Path(kind).parent), command
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    for name in sys.argv[2:]:
        importlib.import_module(name)
    gc.freeze()  # a fork collects its own garbage only
    _become(_serve(socket.socket(fileno=int(sys.argv[1]))))
