#!/bin/sh
# Prints the address of the Debian archive that this machine's apt is set up with.
set -eu
mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 == "main" && $1 !~ /security/ { sub("/$", "", $1); print $1; exit }')
if [ -z "$mirror" ]; then
    echo "debian-mirror: apt knows no Debian archive; see /etc/apt/sources.list.d" >&2
    exit 1
fi
echo "$mirror"
