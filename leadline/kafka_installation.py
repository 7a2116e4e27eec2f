"""What runs Kafka on this machine: its Java, and Kafka's jars as Maven fetches them once."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from leadline.errors import BrokerSetupError

KAFKA_VERSION = "4.3.1"
OLDEST_JAVA = 17
POM = Path(__file__).resolve().parent.parent / "deploy" / "kafka" / "pom.xml"


def find_java() -> Path:
    """The Java that runs the broker: `$JAVA_HOME/bin/java`, else the one on PATH.

    Raises:
        BrokerSetupError: there is none, or it is older than Java 17.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    advice = f"Install Java {OLDEST_JAVA} or newer (Debian: openjdk-17-jre-headless) or set KAFKA_BOOTSTRAP_SERVERS."
    if found is None:
        raise BrokerSetupError(f"No java in {f'{home}/bin (JAVA_HOME)' if home else 'PATH'}. {advice}")
    said = run_quietly([found, "-version"]).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise BrokerSetupError(f"{found} is {said.strip().splitlines()[0] if said.strip() else 'no Java'}. {advice}")
    return Path(found)


def kafka_jars() -> Path:
    """The folder with Kafka's jars; the first call on a machine lets Maven fetch them (about 43 MB).

    The folder is named by the version and by the pom's digest, and appears whole or not at all.

    Raises:
        BrokerSetupError: Maven is missing or could not fetch a jar.
    """
    if not POM.exists():
        raise BrokerSetupError(f"{POM} is missing: run from a checkout of Leadline, or set KAFKA_BOOTSTRAP_SERVERS.")
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    jars = _cache_folder() / f"kafka-{KAFKA_VERSION}-{digest}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerSetupError(
            "Kafka's jars are not on this machine yet and Maven, which fetches them, is not on PATH. "
            "Install it (Debian: maven) or set KAFKA_BOOTSTRAP_SERVERS."
        )
    jars.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix=".fetching-") as workspace:
        fetched = Path(workspace) / "jars"
        copy = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
        done = run_quietly([*copy, "-DincludeScope=runtime", f"-DoutputDirectory={fetched}"])
        if done.returncode != 0:
            raise BrokerSetupError(
                f"Maven could not fetch Kafka's jars named in {POM}: {tail_of(done.stdout + done.stderr)}\n"
                "Check the network and ~/.m2/settings.xml, or set KAFKA_BOOTSTRAP_SERVERS."
            )
        try:
            fetched.rename(jars)
        except OSError:
            # Another process may have put the same jars there first: theirs are as good.
            if not jars.is_dir():
                raise
    return jars


def run_quietly(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run it to its end, whatever its status, and keep what it says."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _cache_folder() -> Path:
    """Outside the checkout, so that `make down` and a new clone do not fetch the jars again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "leadline"


def tail_of(text: str, lines: int = 15) -> str:
    """The last lines of a log, on lines of their own."""
    kept = [line for line in text.splitlines() if line.strip()][-lines:]
    return "\n" + "\n".join(kept) if kept else "it wrote nothing"
