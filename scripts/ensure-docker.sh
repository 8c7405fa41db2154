#!/usr/bin/env bash
# Sees to it that a Docker engine answers and has its compose and buildx plugins. For a bare Debian machine, as root;
# anywhere else it only says what is missing. What is there already is left alone, so run it as often as you like.
set -euo pipefail

ENGINE_LOG=/var/log/dockerd.log
PLUGIN_SUITE=trixie # the first Debian release with both plugins; they run on older ones too

say() { printf 'ensure-docker: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
answers() { docker info >/dev/null 2>&1; }
has_plugins() { docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1; }

may_install() { # WHAT
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "$1 is missing, and installing it takes root on Debian. See https://docs.docker.com/engine/install/"
    fi
}

install_engine() {
    may_install "a Docker engine"
    say "installing docker.io"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null
}

# Whether the pid file names a living dockerd: after an abrupt end it may name a dead one, or another program.
is_starting() {
    grep -qs '^[0-9]* (dockerd) [^ZX]' "/proc/$(cat /var/run/docker.pid 2>/dev/null || echo none)/stat"
}

start_engine() {
    [ "$(id -u)" = 0 ] || fail "the Docker engine does not answer, and starting it takes root"
    if [ -d /run/systemd/system ]; then
        say "starting docker.service"
        systemctl start docker
    elif is_starting; then
        say "a dockerd is running already: waiting for it to answer" # a second one would take the first one's network
    else
        say "starting dockerd, which logs to $ENGINE_LOG"
        rm -f /var/run/docker.pid # of an engine that ended abruptly
        setsid nohup dockerd >"$ENGINE_LOG" 2>&1 </dev/null &
    fi
    for _ in $(seq 120); do
        if answers; then return; fi
        sleep 0.25
    done
    tail -n 20 "$ENGINE_LOG" >&2 || true
    fail "the Docker engine does not answer after 30 s"
}

# Out of Debian's packages, into root's own folder: the packages themselves want a newer Debian.
install_plugins() {
    may_install "docker compose or docker buildx"
    say "installing the compose and buildx plugins from $PLUGIN_SUITE"
    local work plugins
    plugins=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
    work=$(mktemp -d)
    chmod 755 "$work"
    mkdir -p "$work/lists/partial" "$work/root" "$plugins"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
        "$("$(dirname "$0")/debian-mirror.sh")" "$PLUGIN_SUITE" >"$work/sources.list"
    local options=(
        -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$work/lists" -o APT::Sandbox::User=root
    )
    apt-get "${options[@]}" update -qq
    (cd "$work" && apt-get "${options[@]}" download -qq docker-compose docker-buildx)
    for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
    install -m 755 "$work"/root/usr/libexec/docker/cli-plugins/* "$plugins/"
    rm -r "$work"
}

if ! answers; then
    command -v dockerd >/dev/null || install_engine
    start_engine
fi
has_plugins || install_plugins
has_plugins || fail "docker compose or docker buildx does not start"
say "engine $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short)," \
    "$(docker buildx version | cut -d ' ' -f 1,2)"
