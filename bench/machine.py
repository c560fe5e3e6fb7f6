"""What the kernel tells about this machine and about a process: facts, CPU time, memory."""

import os
import platform
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def facts():
    """The machine in a few facts, for the reader of a result."""
    model = field(Path("/proc/cpuinfo").read_text(), "model name") or platform.machine()
    memory_kib = int(field(Path("/proc/meminfo").read_text(), "MemTotal").split()[0])
    virtual = "hypervisor" in Path("/proc/cpuinfo").read_text()
    return {
        "cores": os.cpu_count(),
        "cpu": model + (" (virtual machine)" if virtual else ""),
        "memory_gib": round(memory_kib / 1024 / 1024, 1),
        "kernel": platform.release(),
    }


def field(text, name):
    for line in text.splitlines():
        if line.split(":")[0].strip() == name:
            return line.split(":", 1)[1].strip()
    return None


def load_average():
    return os.getloadavg()[0]


def process_cpu_s(pid):
    """CPU seconds of a process, user and system, all its threads, those that ended as well."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def machine_busy_s():
    """CPU seconds that all processes of the machine have used, and those that the hypervisor gave to others."""
    ticks = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _iowait, interrupt, soft_interrupt, steal = ticks
    return (user + nice + system + interrupt + soft_interrupt + steal) * TICK_S


def children_cpu_s():
    """CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def memory_mib(pid, name):
    """`VmRSS` (resident now) or `VmHWM` (the most that ever was resident), in MiB."""
    return int(field(Path(f"/proc/{pid}/status").read_text(), name).split()[0]) / 1024


def thread_count(pid):
    return int(field(Path(f"/proc/{pid}/status").read_text(), "Threads"))
