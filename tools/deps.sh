#!/bin/sh
# deps.sh GROUP...: install what is missing for the named groups, and say so in one line each.
#
#   build   compiler, libraries, Node for the page
#   run     the agent: the Codex CLI
#   test    what the suite drives: Chromium, tmux, network namespaces
#   lint    clang and its tools
#   fresh   debootstrap
#
# Debian packages go in with one apt-get call: as root directly, otherwise the exact line is
# printed and this stops with status 1. What Debian has too old (Node 18) or not at all (Codex)
# comes from npm into build/tools. Nothing to do takes a few milliseconds.
set -eu
cd "$(dirname "$0")/.."

NODE_VERSION=24.21.0
NPM_VERSION=11.21.2
CODEX_VERSION=0.169.0
TOOLS=$PWD/build/tools

say() { printf 'deps: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---- Debian packages ---------------------------------------------------------------

packages_of() {
    case $1 in
    build)
        echo gcc libc6-dev meson ninja-build pkg-config ca-certificates \
            libuv1-dev libssl-dev libsodium-dev libjansson-dev libsqlite3-dev libqrencode-dev libseccomp-dev
        # A Node of one's own (with its npm) is as good as Debian's.
        have node || echo nodejs
        have npm || echo npm
        ;;
    run) ;;
    test) echo libcmocka-dev chromium libnss3-tools fonts-dejavu-core tmux iproute2 procps openssl git ;;
    lint) echo libcmocka-dev clang libclang-rt-14-dev clang-format clang-tidy cppcheck llvm-14 ;;
    fresh) echo debootstrap git ;;
    *) echo "deps.sh: unknown group '$1'" >&2; exit 2 ;;
    esac
}

missing_of() {
    for package in "$@"; do
        state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || echo "$package"
    done | sort -u
}

install_packages() {
    if ! have dpkg-query; then
        say "this is not a Debian system: the equivalents of these must be there: $*"
        return
    fi
    missing=$(missing_of "$@" | tr '\n' ' ')
    missing=${missing% }
    [ -n "$missing" ] || return 0
    line="apt-get install --yes --no-install-recommends $missing"
    if [ "$(id -u)" != 0 ]; then
        say "Debian packages are missing; run this, then the same make again:"
        printf '\n    sudo %s\n\n' "$line"
        exit 1
    fi
    say "installing Debian packages: $missing"
    mkdir -p build
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update -qq && $line -qq -o DPkg::Lock::Timeout=600; } \
        >build/apt.log 2>&1 </dev/null; then
        tail -n 20 build/apt.log >&2
        say "apt-get failed (the whole log: build/apt.log); the line was: $line"
        exit 1
    fi
}

# ---- from npm into build/tools -------------------------------------------------------

node_is_new_enough() { # Vite and vitest ask for 20.19 or later
    "$1" -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null
}

npm_into_tools() {
    mkdir -p "$TOOLS"
    [ -f "$TOOLS/package.json" ] || echo '{"private":true}' >"$TOOLS/package.json"
    if ! tools/env.sh npm install --prefix "$TOOLS" --save-exact --no-audit --no-fund \
        --loglevel=error "$@" >build/npm-tools.log 2>&1 </dev/null; then
        tail -n 20 build/npm-tools.log >&2
        say "npm could not install $* (the whole log: build/npm-tools.log)"
        exit 1
    fi
}

ensure_node() {
    if have node && have npm && node_is_new_enough node; then
        return
    fi
    if [ -x "$TOOLS/node/bin/node" ] && node_is_new_enough "$TOOLS/node/bin/node"; then
        return
    fi
    case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *)
        say "Node 20.19 or later is needed; npm has none for $(uname -m): install one by hand"
        exit 1
        ;;
    esac
    say "installing Node $NODE_VERSION and npm $NPM_VERSION into build/tools" \
        "(this machine's is $(node --version 2>/dev/null || echo missing))"
    npm_into_tools "node-linux-$arch@$NODE_VERSION" "npm@$NPM_VERSION"
    mkdir -p "$TOOLS/node/bin"
    ln -sf "../../node_modules/node-linux-$arch/bin/node" "$TOOLS/node/bin/node"
    ln -sf ../../node_modules/npm/bin/npm-cli.js "$TOOLS/node/bin/npm"
    ln -sf ../../node_modules/npm/bin/npx-cli.js "$TOOLS/node/bin/npx"
}

ensure_codex() {
    if [ -n "${FARHAND_CODEX:-}" ] || have codex || [ -x "$TOOLS/node_modules/.bin/codex" ]; then
        return
    fi
    say "installing the Codex CLI $CODEX_VERSION into build/tools (none is on PATH)"
    npm_into_tools "@openai/codex@$CODEX_VERSION"
}

# ---- the whole ------------------------------------------------------------------------

wanted=
for group in "$@"; do
    wanted="$wanted $(packages_of "$group")"
done
# shellcheck disable=SC2086 # a list of words
install_packages $wanted
for group in "$@"; do
    case $group in
    build) ensure_node ;;
    run) ensure_codex ;;
    esac
done
