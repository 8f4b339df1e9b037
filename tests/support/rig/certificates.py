"""Certificates of a private CA, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Signed:
    """A certificate and its key, as files in PEM form that every user can read."""

    cert: Path
    key: Path


class PrivateCA:
    """A certificate authority of one test; its certificate is `cert`."""

    def __init__(self, folder: Path, name: str = "test CA") -> None:
        """Make key and certificate in an existing folder."""
        self._folder = folder
        self.cert = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.cert,
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def sign(self, name: str, alternative: str = "") -> Signed:
        """Make a key and a certificate.

        Args:
            name: the common name.
            alternative: names or addresses that it is for: "IP:127.0.0.1,DNS:localhost".
        """
        signed = Signed(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        extension = ("-addext", f"subjectAltName={alternative}") if alternative else ()
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", f"/CN={name}", "-keyout", signed.key, "-out", signed.cert,
            "-CA", self.cert, "-CAkey", self._key, "-addext", "basicConstraints=CA:FALSE", *extension,
        )  # fmt: skip
        signed.key.chmod(0o644)
        return signed


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)
