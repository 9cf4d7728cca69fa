#!/bin/sh
# fresh.sh: prove the two commands of the README on a bare Debian 12.
#
# debootstrap makes a minimal system in build/fresh (its tarball is kept in build/), git and
# make go in and nothing else, HEAD is cloned into it, and then `make up` has to show its link
# and answer a question through its own relay, and `make test` has to pass.
#
# Needs root. Everything mounted lives in a mount namespace of its own, everything started in a
# process namespace of its own: both vanish with this script. Debian's mirror, the proxy and
# npm's registry are the machine's own, read at run time.
set -eu
cd "$(dirname "$0")/.."
root=$PWD/build/fresh
base=$PWD/build/fresh-base.tar
suite=bookworm

say() { printf 'fresh: %s\n' "$*"; }

if [ "$(id -u)" != 0 ]; then
    say 'a system of its own needs root: sudo make fresh'
    exit 1
fi
if [ "${1:-}" != inside ]; then
    exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private "$0" inside
fi

# ---- the system ----------------------------------------------------------------------

# This machine's own Debian sources as "deb URI SUITE main".
sources() {
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
        awk -v suite="$suite" '$1 == "Debian" && $3 ~ "^" suite { print "deb " $2 " " $3 " main" }' |
        sort -u
}

make_base() {
    [ -f "$base" ] && return
    mirror=$(sources | awk -v suite="$suite" '$3 == suite { print $2; exit }')
    if [ -z "$mirror" ]; then
        say "apt on this machine knows no Debian $suite to copy; run apt-get update first"
        exit 1
    fi
    say "debootstrap of a minimal $suite"
    rm -rf "$root"
    if ! debootstrap --variant=minbase "$suite" "$root" "$mirror" >build/fresh-debootstrap.log 2>&1; then
        tail -n 20 build/fresh-debootstrap.log >&2
        exit 1
    fi
    rm -rf "$root"/var/cache/apt/archives/*.deb
    tar -C "$root" -cf "$base.part" . && mv "$base.part" "$base"
}

# What this machine needs to reach the network: name server, apt's proxy, the trusted roots.
copy_network() {
    cat /etc/resolv.conf >"$root/etc/resolv.conf"
    cat /etc/hosts >"$root/etc/hosts"
    sources >"$root/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(http|https|ftp|Check-[A-Za-z-]+)[: ]' \
        >"$root/etc/apt/apt.conf.d/99machine" || true
    mkdir -p "$root/opt/machine"
    cp -L "${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}" "$root/opt/machine/roots.pem" 2>/dev/null || true
}

mount_all() {
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    mount -t tmpfs tmpfs "$root/run"
}

# Only what a login has, and how to reach the network.
inside() {
    set -- HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LANG=C.UTF-8 TERM=xterm "$@"
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        eval "value=\${$name:-}"
        [ -z "$value" ] || set -- "$name=$value" "$@"
    done
    [ ! -f "$root/opt/machine/roots.pem" ] || set -- NODE_EXTRA_CA_CERTS=/opt/machine/roots.pem "$@"
    registry=$(npm config get registry 2>/dev/null || true)
    [ -z "$registry" ] || set -- npm_config_registry="$registry" "$@"
    env -i "$@"
}

# Not chroot(8): inside one the kernel refuses user namespaces, and Codex sandboxes with them.
enter() { # COMMAND...: with the new system as its whole world
    inside unshare --mount --propagation private /bin/sh -c '
        cd "$1" && shift && pivot_root . mnt && cd / && umount -l /mnt && exec "$@"' sh "$root" "$@"
}

run_in() { enter /bin/sh -c "cd /farhand && $1"; }

# ---- the two commands ------------------------------------------------------------------

wait_for() { # PATTERN FILE SECONDS PID: until the file has the pattern, or the process is gone
    for _ in $(seq "$3"); do
        grep -qE "$1" "$2" && return
        kill -0 "$4" 2>/dev/null || return 1
        sleep 1
    done
    return 1
}

# A second state folder joins by the link, this one confirms, and a call goes through the relay.
round_trip() { # LINK
    cat <<SHELL
set -e
join=\$(mktemp)
(echo matches; tail -f /dev/null --pid=\$\$) |
    FARHAND_HOME=/tmp/second build/release/farhand join '$1' --json >\$join 2>&1 &
for try in \$(seq 60); do
    ! build/release/farhand pair confirm || break
    sleep 1
done
for try in \$(seq 60); do
    ! grep -q '"joined"' \$join || break
    sleep 1
done
cat \$join
FARHAND_HOME=/tmp/second build/release/farhand rpc thread/list '{}'
build/release/farhand status
SHELL
}

prove_up() {
    say 'make up'
    log=$PWD/build/fresh-up.log
    run_in 'exec make up ARGS="--port 0"' >"$log" 2>&1 </dev/null &
    up=$!
    if ! wait_for '#p=' "$log" 1500 "$up"; then
        tail -n 40 "$log" >&2
        say "make up showed no link (the whole log: $log)"
        exit 1
    fi
    grep -E '^(deps|web|build):' "$log" || true
    say 'the link is there; pairing a second device through the relay, and asking the agent'
    link=$(grep -oE 'https?://[^ ]*#p=[A-Za-z0-9_-]+' "$log" | head -n 1)
    if ! run_in "$(round_trip "$link")" >build/fresh-trip.log 2>&1; then
        tail -n 40 "$log" build/fresh-trip.log >&2
        say 'make up showed its link, and answered nothing'
        exit 1
    fi
    kill -INT "$(pgrep -o -f '^build/release/farhand up')" 2>/dev/null || true
    wait "$up" || true
    run_in 'build/release/farhand stop' >/dev/null 2>&1 || true
}

prove_test() {
    say 'make test'
    log=$PWD/build/fresh-test.log
    mkfifo build/fresh-pipe 2>/dev/null || true
    tee "$log" <build/fresh-pipe &
    status=0
    run_in 'make test' >build/fresh-pipe 2>&1 </dev/null || status=$?
    wait $!
    rm -f build/fresh-pipe
    if [ "$status" != 0 ]; then
        say "make test failed (the whole log: $log)"
        exit 1
    fi
}

mkdir -p build
began=$(date +%s)
make_base
say 'a bare system with git and make'
rm -rf "$root"
mkdir -p "$root"
tar -C "$root" -xf "$base"
copy_network
mount_all
enter sh -c 'apt-get update -qq && apt-get install -qq --yes --no-install-recommends git make' \
    >build/fresh-apt.log 2>&1 || { tail -n 20 build/fresh-apt.log >&2; exit 1; }
git clone --quiet --no-hardlinks . "$root/farhand"
prove_up
prove_test
say "both commands work on a bare Debian ($(($(date +%s) - began)) s)"
