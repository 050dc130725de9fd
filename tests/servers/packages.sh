# What the servers' scripts and .ci/run share: sourced, not run. Debian packages, by root.

missing_packages() { # package...: those that are not installed
    local p
    for p in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] ||
            printf ' %s' "$p"
    done
}
install_packages() { # log package...: what apt-get says goes to the log, its end is shown if it fails
    local log=$1
    shift
    { timeout 300 apt-get -q update &&
        DEBIAN_FRONTEND=noninteractive timeout 1200 apt-get -q install -y \
            --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"; } >"$log" 2>&1 ||
        { tail -n 15 "$log" >&2; return 1; }
}
