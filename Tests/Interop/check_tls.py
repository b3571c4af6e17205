#!/usr/bin/env python3
"""Runs testssl.sh (Debian package testssl.sh) against a listener with TLS as it is by default, with a certificate of a test authority:

    Tests/Interop/check_tls.py [--proxy .build/debug/weir-proxy]

Prints every finding above INFO, and exits with 1 when one is not among the exceptions below. Takes about two minutes.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

# What is not the proxy's, by testssl.sh's names.
EXCEPTIONS = {
    "cert_revocation": "the test authority publishes neither a CRL nor OCSP",
    "DNS_CAArecord": "localhost has no zone",
    "security_headers": "fields for browsers are the application's to send, and are passed on",
    "HSTS": "Strict-Transport-Security is the application's to send, and is passed on",
}
CONFIGURATION = """
instance: check
admin: {{ address: "127.0.0.1:0" }}
listeners:
  - name: secure
    address: "127.0.0.1:0"
    tls: {{ certificates: [{{ certificate: "{folder}/edge.pem", key: "{folder}/edge.key" }}] }}
tenants: {{ rules: [{{ header: {{ name: X-Tenant }} }}] }}
upstreams: {{ app: {{ addresses: ["127.0.0.1:{app}"] }} }}
routes: [{{ name: all, upstream: app }}]
metering: {{ directory: "{folder}/segments", active_directory: "{folder}/active" }}
shipping: {{ spool: "{folder}/spool" }}
"""


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make_certificates(folder):
    for name in ("ca", "edge"):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / f"{name}.key")
    openssl("req", "-x509", "-new", "-key", folder / "ca.key", "-days", "90", "-subj", "/CN=Test authority", "-out", folder / "ca.pem")
    openssl("req", "-new", "-key", folder / "edge.key", "-subj", "/CN=localhost", "-out", folder / "edge.csr")
    (folder / "extensions").write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n")
    openssl("x509", "-req", "-in", folder / "edge.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial",
            "-days", "90", "-extfile", folder / "extensions", "-out", folder / "edge.pem")
    (folder / "edge.key").chmod(0o600)


def wait_for(log, pattern, process):
    for _ in range(300):
        match = re.search(pattern, log.read_text(errors="replace"))
        if match:
            return match.group(1)
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"it does not serve:\n{log.read_text(errors='replace')}")


def check(proxy, folder):
    make_certificates(folder)
    here = pathlib.Path(__file__).resolve().parent
    processes = []

    def start(name, command):
        log = folder / f"{name}.log"
        process = subprocess.Popen(command, stdout=log.open("w"), stderr=subprocess.STDOUT)
        processes.append(process)
        return log, process

    try:
        log, process = start("app", ["/usr/bin/python3", str(here / "page_app.py")])
        app = wait_for(log, r"(\d+)\n", process)
        (folder / "weir-proxy.yaml").write_text(CONFIGURATION.format(folder=folder, app=app))
        log, process = start("proxy", [proxy, str(folder / "weir-proxy.yaml")])
        port = wait_for(log, r"address=\S*:(\d+) listener=secure", process)
        subprocess.run(["testssl", "--warnings", "batch", "--quiet", "--color", "0", "--add-ca", str(folder / "ca.pem"), "--ip", "127.0.0.1",
                        "--jsonfile-pretty", str(folder / "found.json"), f"localhost:{port}"], stdout=(folder / "testssl.txt").open("w"))
        return json.loads((folder / "found.json").read_text())
    finally:
        for process in processes:
            process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proxy", default=".build/debug/weir-proxy")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weir-tls-") as folder:
        found = check(options.proxy, pathlib.Path(folder))
    count, bad = 0, 0
    for section in found["scanResult"][0].values():
        for finding in section if isinstance(section, list) else []:
            count += 1
            if finding["severity"] in ("OK", "INFO"):
                continue
            excuse = EXCEPTIONS.get(finding["id"])
            bad += excuse is None
            print(f"{'excepted' if excuse else 'FOUND'}\t{finding['severity']}\t{finding['id']}: {finding['finding']}"
                  + (f" ({excuse})" if excuse else ""))
    print(f"{count} findings of testssl.sh {found['version']}, {bad} above INFO that are no exceptions")
    return 1 if bad or count < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
