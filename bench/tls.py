"""What the cases with TLS share: the certificate that all peers show, and what the clients offer."""

import os
import ssl
import subprocess

import harness
from harness import Failure

# All clients offer only these, so that no peer gets away with cheaper ones, whatever it prefers.
SUITE, GROUP = "TLS_AES_128_GCM_SHA256", "X25519"
# for wrk, which has no options for them
OPENSSL_CONF = """openssl_conf = programs
[programs]
ssl_conf = sections
[sections]
system_default = clients
[clients]
MinProtocol = TLSv1.3
Ciphersuites = %s
Groups = %s
""" % (SUITE, GROUP)

OUT = os.path.join(harness.HERE, "out")
CERTIFICATE, KEY, BOTH, CLIENTS = (os.path.join(OUT, name) for name in ("tls.pem", "tls.key", "tls-both.pem", "clients.cnf"))
# what the peers' configurations name
VALUES = {"CERTIFICATE": CERTIFICATE, "KEY": KEY, "BOTH": BOTH}


def prepare():
    """Makes the certificate, P-256 and signed by itself, with its key, and the file of what wrk offers."""
    harness.require(["openssl"])
    os.makedirs(OUT, exist_ok=True)
    for path in (KEY, BOTH):
        # not through a file that others could read for a moment
        os.close(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", KEY, "-out", CERTIFICATE],
        capture_output=True, text=True)
    if done.returncode:
        raise Failure("no certificate could be made: %s" % done.stderr.strip()[-300:])
    with open(BOTH, "w") as both:
        for path in (CERTIFICATE, KEY):
            with open(path) as part:
                both.write(part.read())
    with open(CLIENTS, "w") as file:
        file.write(OPENSSL_CONF)


def environment():
    """The environment in which a client on OpenSSL offers only the suite and the group above."""
    return {**os.environ, "OPENSSL_CONF": CLIENTS}


def context(protocol):
    """The checking clients' side: TLS 1.3, the certificate verified, `protocol` chosen by ALPN."""
    made = ssl.create_default_context(cafile=CERTIFICATE)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.set_alpn_protocols([protocol])
    return made
