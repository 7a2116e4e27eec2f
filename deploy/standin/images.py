"""Sees to it that the images named in `Dockerfile` and `docker-compose.yml` are on this machine.

Present ones are used, missing ones are pulled, and where no registry answers they are made here under the same
public names, from Debian's packages and Maven's jars. The names are read from those two files, so that what a user
runs and what is tested cannot drift apart; what a stand-in really holds is printed.
"""

import re
import shutil
import tempfile
from pathlib import Path

from deploy.shell import CommandError, run, say, succeeds
from leadline.kafka_installation import kafka_jars

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
_DEBIAN = "leadline-standin/debian:bookworm"
_OWN = "leadline:"
_TOOLS = ("debootstrap", "apt-get")
# How to ask a stand-in what it holds, by the beginning of the public name.
_VERSIONS = {
    "python:": ("python", "--version"),
    "redis:": ("redis-server", "--version"),
    "postgres:": ("postgres", "--version"),
    "apache/kafka:": ("sh", "-c", "ls /opt/kafka/libs | grep kafka_"),
}


def public_images() -> list[str]:
    """The public images the platform is made of, as the two files name them."""
    built = re.findall(r"^FROM\s+(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    composed = re.findall(r"^\s+image:\s*(\S+)", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    return sorted({name for name in built + composed if ":" in name and not name.startswith(_OWN)})


def provide_images() -> list[str]:
    """Make every public image available.

    Returns:
        The names that are stood in for; empty on a machine that reaches a registry.

    Raises:
        CommandError: an image is missing, no registry answers, and this machine cannot make it.
    """
    stood_in = []
    reachable = True
    for name in public_images():
        if not succeeds("docker", "image", "inspect", name):
            reachable = reachable and _pulled(name)
            if not reachable:
                _make(name)
        if _is_standin(name):
            stood_in.append(name)
            say(f"· {name} is stood in for by: {_what_it_holds(name)}")
    return stood_in


def _pulled(name: str) -> bool:
    say(f"· pulling {name}")
    return succeeds("docker", "pull", "--quiet", name, timeout=600)


def _make(name: str) -> None:
    recipe = next((prefix for prefix in _VERSIONS if name.startswith(prefix)), None)
    if recipe is None:
        raise CommandError(f"{name} cannot be pulled and {HERE} has no stand-in for it: connect to a registry")
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        raise CommandError(f"{name} cannot be pulled, and standing it in needs {' and '.join(missing)} (Debian)")
    if not succeeds("docker", "image", "inspect", _DEBIAN):
        say("· no registry answers: making the base images here (2 minutes, once)")
        run("sh", HERE / "base" / "debian.sh", _DEBIAN)
    if recipe == "python:":
        run("docker", "tag", _DEBIAN, name)
        return
    folder = HERE / recipe.rstrip(":").rpartition("/")[2]
    with tempfile.TemporaryDirectory() as context:
        shutil.copytree(folder, context, dirs_exist_ok=True)
        if recipe == "apache/kafka:":
            shutil.copytree(kafka_jars(), Path(context) / "jars")
        run("docker", "build", "--quiet", "--network", "host", "--build-arg", f"BASE={_DEBIAN}", "-t", name, context)


def _is_standin(name: str) -> bool:
    label = '{{index .Config.Labels "leadline.standin"}}'
    return run("docker", "image", "inspect", "--format", label, name).strip() == "true"


def _what_it_holds(name: str) -> str:
    question = next(words for prefix, words in _VERSIONS.items() if name.startswith(prefix))
    command, *arguments = question
    return run("docker", "run", "--rm", "--network", "none", "--entrypoint", command, name, *arguments).strip()
