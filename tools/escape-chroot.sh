#!/bin/sh
# escape-chroot.sh: the escape suite and the table of ends inside a chroot.
#
# debootstrap makes a minimal Debian in build/escape-root with what the tools of the suite need;
# the programs are those of build/asan (or $BUILD). Inside a chroot the kernel refuses user
# namespaces. Run four times: as root and as an ordinary user, with the root folder a mount
# point (root may then still mount) and not one (nobody may).
#
# Needs root. Everything mounted lives in a mount namespace that vanishes with this script.
set -eu
cd "$(dirname "$0")/.."
root=$PWD/build/escape-root
build=$(realpath "${BUILD:-build/asan}")
suite=bookworm

say() { printf 'escape-chroot: %s\n' "$*"; }

if [ "$(id -u)" != 0 ]; then
    say 'a system of its own needs root: sudo make escape-chroot'
    exit 1
fi
if [ "${1:-}" != inside ]; then
    exec unshare --mount --propagation private "$0" inside
fi

mirror() {
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
        awk -v suite="$suite" '$1 == "Debian" && $3 == suite { print $2; exit }'
}

if [ ! -f "$root.made" ]; then
    say "debootstrap of a minimal $suite"
    rm -rf "$root"
    packages=git,make,gcc,libc6-dev,python3-minimal,libasan8,libubsan1,libcmocka0
    if ! debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$(mirror)" \
        >build/escape-debootstrap.log 2>&1; then
        tail -n 20 build/escape-debootstrap.log >&2
        exit 1
    fi
    : >"$root.made"
fi

mkdir -p "$root/farhand" "$root/work"
chmod 1777 "$root/work"
for program in farhand-sandbox tests/escape/escape tests/escape/escape_suite tests/escape/ends_test; do
    cp --remove-destination "$build/$program" "$root/farhand/"
done
cp tests/escape/attempts.txt tests/escape/ends.txt "$root/farhand/"

# What a chroot has of its own: /proc and /dev, bound to their places.
mount_all() {
    mount -t proc proc "$root/proc"
    mount --bind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
}

run_as() { # USER:GROUP TEST TABLE
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/work LANG=C.UTF-8 chroot --userspec="$1" "$root" \
        /bin/sh -c "cd /work && exec /farhand/$2 /farhand/farhand-sandbox /farhand/escape /work /farhand/$3" \
        >"build/escape-chroot.log" 2>&1 || {
        grep -vE '^\[ +(RUN|OK)' build/escape-chroot.log | head -n 60
        say "$2 failed as $1 (the whole log: build/escape-chroot.log)"
        exit 1
    }
    grep -E 'NOT PROVED|attempts as|PASSED' build/escape-chroot.log || true
}

run_all() {
    for user in 0:0 65534:65534; do
        say "$1, as $user"
        run_as "$user" escape_suite attempts.txt
        run_as "$user" ends_test ends.txt
    done
}

mount_all
run_all 'the root is a folder'
umount -R -l "$root/dev" "$root/sys" "$root/proc"
mount --bind "$root" "$root"
mount_all
run_all 'the root is a mount point'
say 'all four hold'
