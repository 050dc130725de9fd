#!/usr/bin/env bash
# Stop the Slurm that up.sh started, and cancel its jobs.   down.sh [--state DIR] [--purge]
# --purge also removes its state, accounting and configuration (the packages stay).
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STATE=${SLURM_STATE:-/var/tmp/slurm-test} PURGE=0
# shellcheck source=daemons.sh
. "$here/daemons.sh"

while [ $# -gt 0 ]; do
    case $1 in
        --state) STATE=${2:?}; shift ;;
        --purge) PURGE=1 ;;
        -h|--help) sed -n '2,3s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) die "unknown option $1" ;;
    esac
    shift
done
[ -d "$STATE/run" ] || { echo "nothing at $STATE"; exit 0; }
exec 9>"$STATE/run/lock"
flock -w 300 9 || die "$STATE/run/lock is held"

if alive slurmctld && [ "$(state_of_config)" = "$STATE" ]; then
    squeue -h -o %A | xargs -r scancel
    for _ in $(seq 60); do # longer than KillWait
        [ -n "$(squeue -h)" ] || break
        sleep 0.25
    done
fi
for file in "$STATE"/run/slurmd.*.pid; do
    [ ! -e "$file" ] || stop slurmd "$(basename "$file" .pid | cut -d. -f2)"
done
# what jobs of a node that was set down have left: no daemon knows of it any more
for process in /proc/[0-9]*; do
    if grep -qsz '^SLURM_CLUSTER_NAME=test$' "$process/environ"; then
        kill -9 "${process#/proc/}" 2>/dev/null || true
    fi
done
stop slurmctld
stop slurmdbd
stop mariadbd
if [ -e "$STATE/run/munged.ours" ]; then
    cp /run/munge/munged.pid "$STATE/run/munged.pid" 2>/dev/null && stop munged
    rm -f "$STATE/run/munged.ours"
fi
if [ $PURGE = 1 ]; then
    if [ "$(state_of_config)" = "$STATE" ]; then
        for file in "${CONFIGS[@]}"; do ! is_ours "$file" || rm -f "$file"; done
    fi
    rm -rf -- "$STATE"
    echo "removed $STATE"
fi
