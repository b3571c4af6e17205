#!/usr/bin/env python3
"""Import of a large FOCUS file against DuckDB: imports.py [ROWS] [--rounds N]

In each round, on the same file: DuckDB (PyPI, in a virtual environment of this folder) makes the pools of policy.json;
AccountingBench reads and pools; `weir import` sends the file to `weir allocator`, which stores it. CPU seconds are user and
system time of the process that does the work (the allocator's for the import), medians of the rounds. Build first:
swift build -c release --product AccountingBench and --product weir.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RELEASE = os.path.join(ROOT, ".build/release")
OUT = os.path.join(ROOT, "bench/out")


def python():
    """A Python with duckdb, made once."""
    folder = os.path.join(OUT, "venv-duckdb")
    program = os.path.join(folder, "bin/python3")
    if not os.path.exists(program):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([program, "-m", "pip", "install", "-q", "duckdb"], check=True)
    return program


def measured(command):
    """Output, CPU seconds and peak KB of a child."""
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(command, stdout=out)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = status
        if status:
            sys.exit(f"{command[0]} failed")
        out.seek(0)
        return out.read(), used.ru_utime + used.ru_stime, used.ru_maxrss


def cpu_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def imported(path):
    """CPU seconds, wall seconds and peak KB of an allocator that imports a file."""
    weir = os.path.join(RELEASE, "weir")
    with tempfile.TemporaryDirectory(dir=OUT) as folder:
        config, token = os.path.join(folder, "a.yaml"), os.path.join(folder, "token")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"listen: 127.0.0.1:18600\nadmin: 127.0.0.1:18601\nstore: {folder}/weir.sqlite\n")
        subprocess.run([weir, "token", "create", "--role", "operator", "--store", f"{folder}/weir.sqlite", "-o", token],
                       check=True, stdout=subprocess.DEVNULL)
        server = subprocess.Popen([weir, "allocator", "--config", config], stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                try:
                    urllib.request.urlopen("http://127.0.0.1:18601/readyz", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            start, cpu = time.monotonic(), cpu_of(server.pid)
            answer = subprocess.run(
                [weir, "import", path, "--source", "bench", "--json", "--server", "http://127.0.0.1:18600",
                 "--token-file", token], check=True, capture_output=True, text=True).stdout
            result = (cpu_of(server.pid) - cpu, time.monotonic() - start, peak_of(server.pid), json.loads(answer))
        finally:
            server.terminate()
            server.wait()
    return result


def main():
    arguments = [one for one in sys.argv[1:] if not one.startswith("--")]
    rows = int(arguments[0]) if arguments else 1_000_000
    rounds = int(sys.argv[sys.argv.index("--rounds") + 1]) if "--rounds" in sys.argv else 3
    os.makedirs(OUT, exist_ok=True)
    path = os.path.join(OUT, f"focus-{rows}.csv")
    if not os.path.exists(path):
        subprocess.run([sys.executable, os.path.join(HERE, "focus_file.py"), str(rows), path], check=True)
    small = os.path.join(OUT, f"focus-{rows // 10}.csv")
    if not os.path.exists(small):
        subprocess.run([sys.executable, os.path.join(HERE, "focus_file.py"), str(rows // 10), small], check=True)
    duck, parse, whole, wall, peaks, small_peaks = [], [], [], [], [], []
    for _ in range(rounds):
        text, _, _ = measured([python(), os.path.join(HERE, "duck.py"), path])
        lines = text.splitlines()
        duck.append(float(lines[-1].split()[1]))
        mine, cpu, _ = measured([
            os.path.join(RELEASE, "AccountingBench"), path, os.path.join(HERE, "policy.json"), "2026-10"])
        parse.append(cpu)
        if sorted(lines[:-1]) != sorted(line for line in mine.splitlines() if not line.startswith("faults")):
            sys.exit(f"the pools differ:\n{text}\n{mine}")
        cpu, seconds, peak, answer = imported(path)
        assert answer["rows_good"] == rows, answer
        whole.append(cpu)
        wall.append(seconds)
        peaks.append(peak)
        small_peaks.append(imported(small)[2])
    median = statistics.median
    print(f"{rows} rows, {os.path.getsize(path) / 1e6:.0f} MB, {rounds} rounds, medians")
    print(f"DuckDB, the same pools       {median(duck):7.2f} s CPU  {min(duck):.2f} to {max(duck):.2f}")
    print(f"parse and pool               {median(parse):7.2f} s CPU  {min(parse):.2f} to {max(parse):.2f}"
          f"  {median(parse) / median(duck):.2f}x")
    print(f"whole import, the allocator  {median(whole):7.2f} s CPU  {min(whole):.2f} to {max(whole):.2f}"
          f"  {median(whole) / median(duck):.2f}x  wall {median(wall):.1f} s")
    print(f"peak resident memory         {median(peaks) / 1024:7.1f} MB; of a tenth of the file "
          f"{median(small_peaks) / 1024:.1f} MB")


main()
