"""TLS to a MariaDB server, from the files that a url names."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.errors import StoreUnavailable
from sendlimit.files import read_octets
from sendlimit.store.location import TLSLevel

if TYPE_CHECKING:
    from sendlimit.store.location import TLS


def tls_context(tls: TLS) -> ssl.SSLContext:
    """Read the files anew: certificates run out and are replaced.

    Raises:
        StoreUnavailable: a file can't be read or is no certificate or key; names option and file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = tls.level is TLSLevel.VERIFY_IDENTITY
    if tls.level is TLSLevel.REQUIRED:
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca is None:
        context.load_default_certs()
    else:
        try:
            read_octets(Path(tls.ca))
            context.load_verify_locations(tls.ca)
        except (OSError, ValueError) as error:
            raise _unusable("tls_ca", tls.ca, error) from error
    if tls.cert is not None:
        try:
            for file in filter(None, (tls.cert, tls.key)):
                read_octets(Path(file))
            # With a password that is not asked for on a terminal.
            context.load_cert_chain(tls.cert, tls.key, password="")
        except (OSError, ValueError) as error:
            raise _unusable("tls_cert or tls_key", f"{tls.cert}, {tls.key or ''}", error) from error
    return context


def _unusable(option: str, files: str, error: Exception) -> StoreUnavailable:
    is_content = isinstance(error, ssl.SSLError | ValueError)
    reason = "not what it should be in PEM form, or encrypted" if is_content else error.args[-1]
    return StoreUnavailable(f"{option} can't be used: {files.rstrip(', ')}: {reason}")
