"""What the benchmarks share: ports, templates, pinned processes, CPU clocks, a checking client. Standard library only."""

import http.client
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = {"haproxy": "haproxy", "nginx": "nginx-light", "wrk": "wrk", "cc": "gcc", "h2o": "h2o", "openssl": "openssl",
            "h2load": "nghttp2-client", "nghttpd": "nghttp2-server", "nghttpx": "nghttp2-proxy"}


class Failure(Exception):
    """Something that makes the figures worthless; the text says what."""


def require(programs):
    """Installs missing Debian packages when root, else says which are missing."""
    missing = [p for p in programs if not find(p)]
    if not missing:
        return
    packages = sorted({PACKAGES[p] for p in missing})
    install(packages)
    missing = [p for p in missing if not find(p)]
    if missing:
        raise Failure("missing %s after the installation of %s" % (", ".join(missing), " ".join(packages)))


def install(packages):
    """Installs Debian packages when root, else says how."""
    if os.geteuid() or not shutil.which("apt-get"):
        raise Failure("missing packages; install with: apt-get install " + " ".join(packages))
    done = subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
                          capture_output=True, text=True)
    if done.returncode:
        raise Failure("apt-get install %s: %s" % (" ".join(packages), done.stderr.strip()[-300:]))


def compile(source, target, *libraries):
    """Compiles one of the C programs beside this file; returns the program's path."""
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", target, os.path.join(HERE, source), *libraries], check=True)
    return target


def pinned(core):
    """A function that pins the process that calls it."""
    return lambda: os.sched_setaffinity(0, {core})


def yielding(core):
    """As `pinned`, and the process runs only when nothing else wants the core: it takes no time from those beside it."""
    def prepare():
        os.sched_setaffinity(0, {core})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    return prepare


def require_weir(path):
    """The proxy must be built already: a release build takes too long to be started from here unasked."""
    if not os.access(path, os.X_OK):
        raise Failure("%s is not there; build it with: swift build -c release --product weir-proxy" % path)


def find(program):
    """The program's path; Debian keeps daemons in sbin, which is not on every PATH."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def free_port():
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fill(template, target, values, words=("plain", "h1")):
    """Writes `template` to `target` with each @NAME@ replaced; a name that is left over is an error.

    Lines between `@if WORD...@` and `@end@` stay when one of the words is among `words`.
    """
    with open(os.path.join(HERE, "peers", template)) as source:
        text = source.read()
    text = re.sub(r"^ *@if ([a-z0-9 ]+)@\n(.*?)^ *@end@\n",
                  lambda found: found[2] if set(found[1].split()) & set(words) else "", text, flags=re.M | re.S)
    for name, value in values.items():
        text = text.replace("@%s@" % name, str(value))
    left = re.search(r"@[A-Z]+@", text)
    if left:
        raise Failure("%s: %s was not filled in" % (template, left.group()))
    with open(target, "w") as sink:
        sink.write(text)
    return target


class Scaffold:
    """A temporary directory and a memory one, the processes started in them, and their orderly end."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="weir-bench-")
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else self.directory
        self.memory = tempfile.mkdtemp(prefix="weir-bench-", dir=memory)
        os.chmod(self.directory, 0o755)
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            stop(process)
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.memory, ignore_errors=True)

    def start(self, name, command, cores=None, port=None):
        """Starts a process pinned to `cores`, and waits until `port` takes connections."""
        log = os.path.join(self.directory, name + ".out")
        with open(log, "w") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                preexec_fn=lambda: os.sched_setaffinity(0, cores or os.sched_getaffinity(0)))
        self.processes.append(process)
        deadline = time.monotonic() + 30
        while port is not None and not accepts(port):
            if process.poll() is not None or time.monotonic() > deadline:
                with open(log) as output:
                    raise Failure("%s did not start: %s\n%s" % (name, command, output.read()[-2000:]))
            time.sleep(0.02)
        return process


def accepts(port):
    """True when a connection to the port is taken."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def stop(process):
    """Ends one process by its id, gently first."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def children(pid):
    """The process and its descendants."""
    found = [pid]
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task)) as listing:
                for child in listing.read().split():
                    found += children(int(child))
    except OSError:
        pass
    return found


def cpu_nanoseconds(pid):
    """CPU time of a process and its children, user and system, all threads, ended ones included.

    The kernel's own CPU clock of another process, in nanoseconds: clock id (~pid << 3) | 2, as clock_getcpuclockid(3)
    makes it. /proc/PID/stat holds the same sum in ticks of 10 ms and serves as the cross-check in `cpu_ticks`.
    """
    return sum(time.clock_gettime_ns((~p << 3) | 2) for p in children(pid))


def cpu_ticks(pid):
    """(user, system) seconds from /proc/PID/stat, resolution one clock tick."""
    user = system = 0
    for p in children(pid):
        with open("/proc/%d/stat" % p) as stat:
            fields = stat.read().rpartition(")")[2].split()
        user += int(fields[11])
        system += int(fields[12])
    tick = os.sysconf("SC_CLK_TCK")
    return user / tick, system / tick


def memory(pid):
    """{"Rss": bytes, "Pss": bytes} of a process and its children: resident, and with shared pages divided."""
    found = {"Rss": 0, "Pss": 0}
    for p in children(pid):
        with open("/proc/%d/smaps_rollup" % p) as rollup:
            for line in rollup:
                name, _, rest = line.partition(":")
                if name in found:
                    found[name] += int(rest.split()[0]) * 1024
    return found


def peak(pid):
    """Greatest resident bytes so far of a process and its children, each at its own time."""
    total = 0
    for p in children(pid):
        with open("/proc/%d/status" % p) as status:
            total += sum(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    return total


def busy_seconds(core):
    """Seconds that a core has not been idle, for whomever."""
    with open("/proc/stat") as stat:
        fields = next(line.split() for line in stat if line.startswith("cpu%d " % core))
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def check_answers(port, method, path, body, expected, context=None, tenants=("acme-000001", "acme-000002")):
    """Sends requests on one kept connection, over TLS when there is a context; compares status and every byte."""
    connection = (http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context) if context
                  else http.client.HTTPConnection("127.0.0.1", port, timeout=10))
    try:
        for tenant in tenants:
            connection.request(method, path, body=body, headers={"X-Tenant": tenant})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200 or content != expected:
                raise Failure("%s %s answered %d with %d bytes, expected 200 with %d"
                              % (method, path, answer.status, len(content), len(expected)))
    finally:
        connection.close()


def machine():
    """One line about processor, memory, kernel."""
    model = "unknown processor"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) / 1024 / 1024
    return "%s, %d cores, %.1f GiB, Linux %s" % (model, os.cpu_count(), memory, platform.release())


def version(command):
    """First line that a program says about itself."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10)
        text = (result.stdout + result.stderr).strip()
        if os.path.isabs(command[0]):
            text = text.removeprefix(command[0]).strip()
        return text.splitlines()[0].strip() if text else "unknown"
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"


def main(run):
    """Runs `run` and turns a failure into one line and exit status 1. A stop signal ends the peers too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(run())
    except Failure as failure:
        print("bench: %s" % failure, file=sys.stderr)
        sys.exit(1)
