#!/bin/sh
# Makes the image every stand-in starts from: Debian bookworm from this machine's own apt mirror.
# Usage: debian.sh IMAGE
set -eu
image=$1
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 -E '/debian/?$')
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$root" "$mirror" >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2; exit 1; }
rm -f "$root.log"

# What makes apt, pip and uv work here (sources, trusted certificates) makes them work in a build too.
cp /etc/apt/sources.list "$root/etc/apt/" 2>/dev/null || true
cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/" 2>/dev/null || true
bundle=/etc/ssl/certs/ca-certificates.crt
cat "$bundle" >"$root$bundle"

# As the official Python image has it.
ln -s /usr/bin/python3 "$root/usr/local/bin/python"
ln -s /usr/bin/python3 "$root/usr/local/bin/python3"
rm -rf "$root"/var/cache/apt/archives/*.deb
tar -C "$root" -c . | docker import \
    --change "ENV SSL_CERT_FILE=$bundle PIP_CERT=$bundle" \
    --change "LABEL leadline.standin=true" \
    --change 'CMD ["python3"]' - "$image" >/dev/null
