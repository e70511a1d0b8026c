"""gdcmanon (GDCM) in its only mode that follows the standard: one process for the whole folder.

It wants a certificate to encrypt what it removes; one is made up with openssl, untimed.
"""

import shutil
import subprocess
from pathlib import Path

from worker import Pairs, Work, serve


def prepare(out: Path, pairs: Pairs) -> Work:
    """Give the work on copies in one folder, since a folder is what one process of it takes."""
    source = out.parent / f"{out.name}-source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    key, certificate = out.parent / "gdcmanon.key", out.parent / "gdcmanon.pem"
    if not certificate.exists():
        request = [
            str(shutil.which("openssl")),
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=benchmark",
        ]
        subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)

    for original, target in pairs:
        shutil.copyfile(original, source / target.name)

    def work() -> int:
        command = [str(shutil.which("gdcmanon")), "--de-identify", "--certificate", str(certificate), "--continue"]
        subprocess.run([*command, "--input", str(source), "--output", str(out)], check=False)
        return sum(not target.exists() for _, target in pairs)

    return work


if __name__ == "__main__":
    serve(prepare)
