#!/bin/sh
# env.sh COMMAND...: run it with the tools of build/tools on PATH: our own Node before the
# machine's (which is then too old), Codex after it.
tools=$(cd "$(dirname "$0")/.." && pwd)/build/tools
if [ -x "$tools/node/bin/node" ]; then
    PATH=$tools/node/bin:$PATH
fi
PATH=$PATH:$tools/node_modules/.bin
export PATH
exec "$@"
