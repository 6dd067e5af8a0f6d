"""A Slurm cluster of two nodes on this machine: munged, slurmctld and two slurmd, as root, for as long as a test run.

In: an empty folder.  Out: /etc/slurm, which jobs read too, and the daemons; both gone at the end.
"""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")
LONGEST = 600  # seconds that a busy machine may need for anything
ETC = Path("/etc/slurm")
MARK = "# written by tests/slurm"
DAEMONS = ("munged", "slurmctld", "slurmd")
NODES = ("plain", "accelerated")
# As most clusters are: the default partition has no GPU. More processors, memory and GPUs than there are: tests place
# several jobs, and none of them computes much.
CONF = """{mark}
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
KillWait=20
MinJobAge=3600
ReturnToService=2
GresTypes=gpu
NodeName=plain NodeHostname={host} NodeAddr=127.0.0.1 Port=17001 CPUs=16 RealMemory=64000 State=UNKNOWN
NodeName=accelerated NodeHostname={host} NodeAddr=127.0.0.1 Port=17002 CPUs=16 RealMemory=64000 Gres=gpu:2 State=UNKNOWN
PartitionName=cpu Nodes=plain Default=YES MaxTime=1-00:00:00 State=UP
PartitionName=gpu Nodes=accelerated MaxTime=1-00:00:00 State=UP
"""


def missing() -> str | None:
    """Why there can be no cluster here; None where there can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "a Slurm cluster is started as root only"
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "the Slurm plugin of Snakemake is not installed"
    lacking = [name for name in (*DAEMONS, "sbatch", "runuser") if shutil.which(name) is None]
    if lacking:
        return f"no {lacking[0]} on this machine (Debian: apt-get install slurm-wlm munge)"
    conf = ETC / "slurm.conf"
    if conf.exists() and not conf.read_text().startswith(MARK):
        return "a Slurm is configured on this machine already"
    return None


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The cluster, by the name of its node with GPUs."""
    _end_what_a_killed_run_left()
    host = socket.gethostname().partition(".")[0]
    (folder / "state").mkdir()
    for name in NODES:
        (folder / name / "spool").mkdir(parents=True)
    for index in (0, 1):
        (folder / f"gpu{index}").symlink_to("/dev/null")
    (ETC / "slurm.conf").write_text(CONF.format(mark=MARK, folder=folder, host=host))
    (ETC / "gres.conf").write_text(f"{MARK}\nNodeName={NODES[1]} Name=gpu File={folder}/gpu[0-1]\n")
    pids = [_munged(), _daemon(["slurmctld"], folder / "slurmctld.pid")]
    pids += [_daemon(["slurmd", "-N", name], folder / name / "slurmd.pid") for name in NODES]
    try:
        wait_until(_both_idle, "the nodes to be idle", LONGEST)
        yield NODES[1]
    finally:
        for pid in pids[::-1]:
            if pid is not None:
                os.kill(pid, signal.SIGTERM)
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink()


def slurm(*command: str) -> str:
    """What one of Slurm's commands prints; its errors too."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip()


def _both_idle() -> bool:
    return slurm("sinfo", "--noheader", "--Node", "--format=%T") == "idle\nidle"


def _end_what_a_killed_run_left() -> None:
    """Daemons of ours that the file of an earlier run names: they would keep the ports."""
    conf = ETC / "slurm.conf"
    written = conf.read_text() if conf.exists() else ""
    named = re.findall(r"^Slurm\w+PidFile=(.+)$", written, re.MULTILINE)
    for pid_file in [Path(path.replace("%n", node)) for path in named for node in NODES]:
        with suppress(OSError, ValueError, psutil.NoSuchProcess):
            process = psutil.Process(int(pid_file.read_text()))
            if process.name() == pid_file.stem:
                process.terminate()
                process.wait(LONGEST)


def _munged() -> int | None:
    """Its process; None where it runs already, which is then left alone."""
    if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode == 0:
        return None
    for name in ("run", "var/log", "var/lib"):
        subprocess.run(["install", "-d", "-o", "munge", "-g", "munge", f"/{name}/munge"], check=True)
    subprocess.run(["runuser", "-u", "munge", "--", "munged"], check=True)
    return int(Path("/run/munge/munged.pid").read_text())


def _daemon(command: list[str], pid: Path) -> int:
    subprocess.run(command, check=True)
    wait_until(lambda: pid.exists() and pid.read_text().strip().isdigit(), f"{command[0]} to start", LONGEST)
    return int(pid.read_text())


def wait_until(look: Callable[[], T], what: str, seconds: float, *, every: float = 0.1) -> T:
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(every)
    return found
