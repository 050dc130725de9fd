#!/usr/bin/env bash
# Bring up a real Slurm on this machine, for the integration tests (Debian 12, root).
#
#   up.sh [--state DIR] [--nodes N] [--cpus N] [--memory MB] [--install-only]
#
# Installs slurmctld, slurmd, slurmdbd, munge and MariaDB if they are missing, starts them on
# loopback without systemd and without cgroups, and waits until every node takes jobs. Nodes,
# their CPUs and their memory are made up. Safe to run again: what runs already is left alone.
# Ends non-zero with one ERROR line. One Slurm per machine: its config is /etc/slurm/slurm.conf,
# and a file there that is not ours is not touched, nor one of ours whose Slurm still runs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STATE=${SLURM_STATE:-/var/tmp/slurm-test} NODES=2 CPUS=8 MEMORY=12000 ONLY=0
PACKAGES="slurmctld slurmd slurmdbd slurm-client munge mariadb-server-core mariadb-client-core"
# shellcheck source=daemons.sh
. "$here/daemons.sh"
# shellcheck source=../packages.sh
. "$here/../packages.sh"

while [ $# -gt 0 ]; do
    case $1 in
        --state) STATE=${2:?}; shift ;;
        --nodes) NODES=${2:?}; shift ;;
        --cpus) CPUS=${2:?}; shift ;;
        --memory) MEMORY=${2:?}; shift ;;
        --install-only) ONLY=1 ;;
        -h|--help) sed -n '2,/^set /{/^set /!p}' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
        *) die "unknown option $1 (try --help)" ;;
    esac
    shift
done
case $STATE in /*) ;; *) die "--state needs an absolute path" ;; esac
[ "$(id -u)" = 0 ] || die "root is needed"

# --- 1. packages -----------------------------------------------------------------
missing=$(missing_packages $PACKAGES)
mkdir -p "$STATE"
if [ -n "$missing" ]; then
    step "installing$missing"
    # the packages would start daemons with configurations of their own
    forbid=/usr/sbin/policy-rc.d made=
    if [ ! -e $forbid ]; then
        printf '#!/bin/sh\nexit 101\n' >$forbid
        chmod 755 $forbid
        made=1
    fi
    status=0
    install_packages "$STATE/apt.log" $missing || status=$?
    [ -z "$made" ] || rm -f $forbid
    [ $status = 0 ] || die "apt-get failed"
fi
[ "$ONLY" = 0 ] || { step "installed"; exit 0; }

# --- 2. configuration --------------------------------------------------------------
for file in "${CONFIGS[@]}"; do
    if [ -e "$file" ] && ! is_ours "$file"; then die "$file exists and is not ours"; fi
done
if [ -e "$CONF" ] && [ "$(state_of_config)" != "$STATE" ]; then
    other=$(state_of_config)
    if (STATE=$other; alive slurmctld || alive slurmdbd || alive mariadbd); then
        die "$CONF belongs to $other: stop that one first (down.sh --purge)"
    fi
    step "removing what a killed run has left in $other"
    "$here/down.sh" --purge --state "$other"
fi
mkdir -p /etc/slurm "$STATE"/{run,log,ctld,spool}
chmod 755 "$STATE" "$STATE"/{run,log}
exec 9>"$STATE/run/lock" # the daemons get it closed
flock -w 300 9 || die "another up.sh or down.sh holds $STATE/run/lock"
nodes_in_config=$(for i in $(seq "$NODES"); do
    # the last node is filled first (weight), so that a test knows where a lone job goes
    echo "NodeName=n$i NodeHostname=n$i NodeAddr=127.0.0.1 Port=$((17000 + i)) CPUs=$CPUS" \
        "RealMemory=$MEMORY Weight=$((NODES - i + 1))"
done)
sed -e "s#@STATE@#$STATE#g; s#@HOST@#$(hostname -s)#g" "$here/etc/slurm.conf.in" >"$STATE/conf"
{ echo "$nodes_in_config"
  echo "PartitionName=main Nodes=n[1-$NODES] Default=YES DefaultTime=10 MaxTime=600"
  echo "PartitionName=transfer Nodes=n[1-$NODES] DefaultTime=10 MaxTime=600"; } >>"$STATE/conf"
install -m 644 "$STATE/conf" "$CONF"
sed -e "s#@STATE@#$STATE#g" "$here/etc/slurmdbd.conf.in" >"$STATE/conf"
install -m 600 "$STATE/conf" /etc/slurm/slurmdbd.conf
rm "$STATE/conf"
# slurmd loads a cgroup plugin whether or not it is used; v1 does nothing until it is
printf '%s\nCgroupPlugin=cgroup/v1\n' "$MARK" >/etc/slurm/cgroup.conf

# --- 3. munge, which signs what the daemons say to each other ------------------------
if ! munge -n 2>/dev/null | unmunge >/dev/null 2>&1; then
    step "starting munged"
    install -d -o munge -g munge -m 755 /run/munge
    install -d -o munge -g munge -m 700 /etc/munge /var/lib/munge /var/log/munge
    [ -s /etc/munge/munge.key ] ||
        (umask 077; dd if=/dev/urandom of=/etc/munge/munge.key bs=128 count=1 status=none)
    chown munge:munge /etc/munge/munge.key
    chmod 400 /etc/munge/munge.key
    setpriv --reuid munge --regid munge --init-groups munged >>"$STATE/log/munged.log" 2>&1 9>&- ||
        die "munged did not start (/var/log/munge/munged.log)"
    : >"$STATE/run/munged.ours"
    wait_for 20 munged sh -c 'munge -n | unmunge'
fi

# --- 4. a private MariaDB on a socket, for the accounting -----------------------------
export MYSQL_UNIX_PORT=$STATE/run/mariadb.sock # where slurmdbd looks for "localhost"
if ! alive mariadbd; then
    if [ ! -e "$STATE/db/ready" ]; then
        step "making a database in $STATE/db"
        rm -rf "$STATE/db"
        mariadb-install-db --no-defaults --force --user=root --datadir="$STATE/db" \
            --skip-test-db --auth-root-authentication-method=socket \
            --auth-root-socket-user=root --innodb-log-file-size=16M \
            >"$STATE/log/database.log" 2>&1 9>&- || die "mariadb-install-db failed"
        : >"$STATE/db/ready"
    fi
    step "starting MariaDB"
    setsid mariadbd --no-defaults --user=root --datadir="$STATE/db" --skip-networking \
        --socket="$MYSQL_UNIX_PORT" --pid-file="$STATE/run/mariadbd.pid" \
        --innodb-buffer-pool-size=64M --innodb-log-file-size=16M \
        --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=2 \
        </dev/null >>"$STATE/log/mariadbd.log" 2>&1 9>&- &
    wait_for 60 MariaDB mariadb --no-defaults --socket="$MYSQL_UNIX_PORT" -u root \
        -e 'CREATE DATABASE IF NOT EXISTS slurm_acct_db'
fi

# --- 5. accounting: a cluster, an account, its user -----------------------------------
if ! alive slurmdbd; then
    step "starting slurmdbd"
    slurmdbd 9>&- || die "slurmdbd did not start"
    wait_for 60 slurmdbd sacctmgr -n show cluster
fi
known() { sacctmgr -nP show "$@" 2>/dev/null | grep -q .; }
known cluster test || sacctmgr -i add cluster test >/dev/null
known account ci || sacctmgr -i add account ci cluster=test >/dev/null
known assoc user=root account=ci || sacctmgr -i add user root account=ci cluster=test >/dev/null

# --- 6. the controller and the nodes ----------------------------------------------------
if ! alive slurmctld; then
    step "starting slurmctld"
    slurmctld 9>&- || die "slurmctld did not start"
fi
wait_for 60 slurmctld sh -c 'scontrol ping | grep -q UP'
for i in $(seq "$NODES"); do
    alive slurmd "n$i" && continue
    step "starting node n$i"
    mkdir -p "$STATE/spool/n$i"
    slurmd -N "n$i" 9>&- || die "slurmd of n$i did not start"
done
free() { [ "$(sinfo -h -N -p main -t idle,mix,alloc -o %N | sort -u | wc -l)" = "$NODES" ]; }
wait_for 90 "every node" free
step "ready: $(sinfo --version), $NODES nodes of $CPUS CPUs and $MEMORY MB, account ci"
