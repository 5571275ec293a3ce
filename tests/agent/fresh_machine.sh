#!/bin/sh
# Runs a command on a copy of this machine that has neither tmux nor Node nor anything in HOME.
# In mount and pid namespaces of its own; arguments: a folder for the copy's changes, the source, the command.
set -eu
changes=$1 source=$2 command=$3
mount -t tmpfs -o size=3g tmpfs "$changes"
mkdir "$changes/upper" "$changes/work" "$changes/machine"
mount -t overlay overlay -o "lowerdir=/,upperdir=$changes/upper,workdir=$changes/work" "$changes/machine"
machine="$changes/machine"
mount -t proc proc "$machine/proc"
mount --rbind /dev "$machine/dev"
mount -t tmpfs tmpfs "$machine/tmp"
mount -t tmpfs tmpfs "$machine/run"
mkdir "$machine/run/newcomer"
cp -a "$source" "$machine/run/newcomer/kubecoder"
exec chroot "$machine" /usr/bin/env HOME=/run/newcomer sh -euc "
    dpkg --purge --force-depends tmux nodejs npm >/dev/null 2>&1
    hash -r
    for program in tmux node npm claude; do
        if command -v \$program; then echo \"\$program is still there\" >&2; exit 90; fi
    done
    cd /run/newcomer/kubecoder
    $command
    if pgrep 'tmux|claude' >&2; then echo 'processes are left' >&2; exit 91; fi
"
