# What up.sh and down.sh share: sourced, not run. Needs STATE.
CONF=/etc/slurm/slurm.conf
CONFIGS=("$CONF" /etc/slurm/slurmdbd.conf /etc/slurm/cgroup.conf)
MARK='# of the integration tests: tests/servers/slurm/up.sh'
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
unset SLURM_CONF

die() {
    echo "ERROR: $*" >&2
    local log
    for log in "$STATE"/log/*.log; do
        if [ -s "$log" ]; then echo "--- $log"; tail -n 5 "$log"; fi >&2
    done
    exit 1
}
step() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }
is_ours() { grep -qsF "$MARK" "$1"; }
state_of_config() { sed -n 's#^StateSaveLocation=\(.*\)/ctld$#\1#p' "$CONF"; }

pid_of() { # daemon [node]: its process id, if it runs
    local pid
    pid=$(cat "$STATE/run/$1${2:+.$2}.pid" 2>/dev/null) || return 1
    # by name too: the number may be another process by now; a zombie does not run
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] || return 1
    grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null && return 1
    echo "$pid"
}
alive() { pid_of "$@" >/dev/null; }
wait_for() { # seconds what command...
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || die "$what is not there in time"
        sleep 0.2
    done
}
stop() { # daemon [node]
    local pid
    pid=$(pid_of "$@") || return 0
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 80); do
        alive "$@" || { echo "stopped $* ($pid)"; return 0; }
        sleep 0.25
    done
    kill -9 "$pid" 2>/dev/null || true
    echo "killed $* ($pid)"
}
