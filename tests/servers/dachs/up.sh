#!/usr/bin/env bash
# Bring up a real TAP service (GAVO DaCHS on PostgreSQL/pgSphere) on loopback.
#
#   up.sh [--data DIR] [--state DIR] [--port N] [--pg-port N] [--no-install]
#         [--reload] [--install-only]
#
# Installs the Debian packages it needs (root only), makes a private PostgreSQL
# cluster and a private DaCHS root under the state directory, loads the tables
# for which DIR holds TABLE.fits[.gz] or TABLE.csv[.gz], and serves TAP at
# http://127.0.0.1:PORT/tap.  Safe to run again: each step that is done already
# is skipped, and a table is loaded again only if its file or its RD changed.
# Nothing outside the state directory is changed, but for the packages and (as
# root) a system user `gavo`.  Ends non-zero with one ERROR line on failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DATA=${TAP_DATA:-$here/data}
STATE=${TAP_STATE:-/var/tmp/tap-archive}
PORT=${TAP_PORT:-8080}
PGPORT=${TAP_PGPORT:-54329}
DEFAULT_MAXREC=${TAP_DEFAULT_MAXREC:-10000000}
INSTALL=1 RELOAD=0 ONLY=0
PGBIN=/usr/lib/postgresql/15/bin
# shellcheck source=../packages.sh
. "$here/../packages.sh"
PACKAGES="postgresql-15 postgresql-15-pgsphere postgresql-15-q3c python3-gavo curl"

die() { echo "ERROR: $*" >&2; exit 1; }
step() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }
while [ $# -gt 0 ]; do
    case $1 in
        --data) DATA=${2:?}; shift ;;
        --state) STATE=${2:?}; shift ;;
        --port) PORT=${2:?}; shift ;;
        --pg-port) PGPORT=${2:?}; shift ;;
        --no-install) INSTALL=0 ;;
        --reload) RELOAD=1 ;;
        --install-only) ONLY=1 ;;
        -h|--help) sed -n '2,/^set /{/^set /!p}' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
        *) die "unknown option $1 (try --help)" ;;
    esac
    shift
done
case $STATE in /*) ;; *) die "--state needs an absolute path" ;; esac
[[ $PORT =~ ^[0-9]+$ && $PGPORT =~ ^[0-9]+$ ]] || die "ports must be numbers"
# PostgreSQL's socket path must stay under 107 characters
[ ${#STATE} -le 80 ] || die "state path is longer than 80 characters"

# --- 1. packages ----------------------------------------------------------
missing=$(missing_packages $PACKAGES)
if [ -n "$missing" ]; then
    [ "$INSTALL" = 1 ] || die "not installed:$missing (run without --no-install)"
    [ "$(id -u)" = 0 ] || die "not installed:$missing (root is needed to install them)"
    step "installing$missing"
    mkdir -p "$STATE"
    # python3-gavo, not gavodachs2-server: the latter's postinst fails unless a
    # PostgreSQL server is already running on port 5432.
    install_packages "$STATE/apt.log" $missing || die "apt-get failed (full log: $STATE/apt.log)"
else
    step "packages present"
fi
[ "$ONLY" = 0 ] || { step "installed"; exit 0; }
[ -x $PGBIN/initdb ] || die "$PGBIN/initdb is missing"

# --- 2. who runs it -------------------------------------------------------
if [ "$(id -u)" = 0 ]; then
    getent group gavo >/dev/null || groupadd --system gavo
    getent passwd gavo >/dev/null ||
        useradd --system --gid gavo --home-dir /nonexistent --shell /usr/sbin/nologin gavo
    RUNUSER=gavo RUNGROUP=gavo
    as() { runuser -u gavo -- env -i "${ENVV[@]}" "$@"; }
else
    RUNUSER=$(id -un) RUNGROUP=$(id -gn)
    as() { env -i "${ENVV[@]}" "$@"; }
fi
ENVV=(HOME="$STATE" GAVOSETTINGS="$STATE/gavo.rc" LC_ALL=C.UTF-8 LANG=C.UTF-8
      PATH="$STATE/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
      PGHOST=127.0.0.1 PGPORT="$PGPORT" PGUSER=dachsroot PGDATABASE=gavo)

mkdir -p "$STATE"
if [ ! -e "$STATE/.tap-archive" ]; then
    [ -z "$(ls -A "$STATE" | grep -v '^apt.log$' || true)" ] || die "$STATE is not empty and not ours"
    : > "$STATE/.tap-archive"
fi
exec 9>"$STATE/.lock"
flock -w 300 9 || die "another up.sh or down.sh holds $STATE/.lock"
mkdir -p "$STATE/bin" "$STATE/pg" "$STATE/gavo/inputs/__system__" "$STATE/loaded"
install -m 755 "$here/bin/gavo" "$STATE/bin/gavo"
install -m 644 "$here/load.py" "$STATE/bin/load.py"
MAXJOBS=$(nproc)
sed -e "s#@STATE@#$STATE#g; s#@PORT@#$PORT#g; s#@USER@#$RUNUSER#g; s#@GROUP@#$RUNGROUP#g" \
    -e "s#@DEFAULT_MAXREC@#$DEFAULT_MAXREC#g; s#@MAXJOBS@#$MAXJOBS#g" \
    "$here/etc/gavo.rc.in" > "$STATE/gavo.rc.new"
RCCHANGED=0
cmp -s "$STATE/gavo.rc.new" "$STATE/gavo.rc" 2>/dev/null || RCCHANGED=1
mv "$STATE/gavo.rc.new" "$STATE/gavo.rc"
# list public.csc as csc in TAP_SCHEMA (an RD in inputs shadows the packaged one)
sys_tap=/usr/lib/python3/dist-packages/gavo/resources/inputs/__system__/tap.rd
[ -e "$sys_tap" ] || die "$sys_tap is missing; is python3-gavo 2.7 installed?"
# and those of vizier as VizieR calls them, some with the quotes that ADQL needs
lower='getQName().lower().removeprefix("public.")'
lower+='.replace("vizier.erass1", "J/A+A/682/A34/erass1-m")'
lower+=".replace(\"vizier.gaiadr3\", '\"I/355/gaiadr3\"')"
lower+='.replace("vizier.xmmssc", "gavo.vizier.xmm-ssc")'
sed "s#getQName()\.lower()#$lower#" "$sys_tap" > "$STATE/gavo/inputs/__system__/tap.rd"
if [ "$(id -u)" = 0 ]; then chown -R gavo:gavo "$STATE"; fi
if ! as test -x "$STATE/gavo"; then die "user $RUNUSER cannot reach $STATE (a parent folder is closed)"; fi

base=http://127.0.0.1:$PORT
pidfile=$STATE/gavo/state/web.pid
alive() { [ -s "$pidfile" ] && tr '\0' ' ' <"/proc/$(cat "$pidfile")/cmdline" 2>/dev/null | grep -q 'gavo.*serve'; }
ready() { [ "$(curl -s -m 10 -o /dev/null -w '%{http_code}' "$base/tap/availability")" = 200 ]; }
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }
if ! alive && taken; then die "port $PORT is taken; use --port"; fi

# --- 3. PostgreSQL --------------------------------------------------------
if [ ! -e "$STATE/pg/data/PG_VERSION" ]; then
    step "making a PostgreSQL cluster in $STATE/pg"
    rm -rf "$STATE/pg/data"
    as $PGBIN/initdb -D "$STATE/pg/data" -U dachsroot --auth=trust \
        --encoding=UTF8 --locale=C -N >"$STATE/pg/initdb.log" 2>&1 ||
        { tail -n 5 "$STATE/pg/initdb.log" >&2; die "initdb failed"; }
    # a throw-away database: no durability, much faster loading
    as tee "$STATE/pg/data/tap.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$STATE/pg'
shared_buffers = 256MB
work_mem = 64MB
maintenance_work_mem = 512MB
effective_cache_size = 2GB
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
random_page_cost = 1.1
jit = off
max_connections = 60
CONF
    echo "include = 'tap.conf'" | as tee -a "$STATE/pg/data/postgresql.conf" >/dev/null
fi
if ! as $PGBIN/pg_ctl -D "$STATE/pg/data" status >/dev/null 2>&1; then
    step "starting PostgreSQL on 127.0.0.1:$PGPORT"
    as $PGBIN/pg_ctl -D "$STATE/pg/data" -l "$STATE/pg/log" -o "-p $PGPORT" -w -t 60 start \
        >/dev/null 2>&1 9>&- || { tail -n 5 "$STATE/pg/log" >&2; die "PostgreSQL did not start (port $PGPORT taken?)"; }
fi
as psql -X -q -c 'select 1' -d postgres >/dev/null || die "PostgreSQL on port $PGPORT is not ours; use --pg-port"
if [ -z "$(as psql -XAtq -d postgres -c "select 1 from pg_database where datname='gavo'")" ]; then
    as createdb --encoding=UTF-8 --template template0 gavo || die "createdb failed"
fi

# pgSphere 1.2.0 (bookworm's) has two obsolete operators whose commutator
# clauses PostgreSQL 15.19 and later refuse ("commutator operator @> is already
# the commutator of operator <@"; postgrespro/pgsphere#85), so that CREATE
# EXTENSION fails.  Then run the extension's own script without those two.
sql() { as psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }
have_proc() { [ -n "$(sql "select 1 from pg_proc where proname='$1' limit 1")" ]; }
if ! have_proc spoint_in && ! sql "create extension pg_sphere" 2>"$STATE/pg/pgsphere.log"; then
    grep -q 'already the commutator' "$STATE/pg/pgsphere.log" ||
        { cat "$STATE/pg/pgsphere.log" >&2; die "CREATE EXTENSION pg_sphere failed"; }
    ver=$(sql "select default_version from pg_available_extensions where name='pg_sphere'")
    src=/usr/share/postgresql/15/extension/pg_sphere--$ver.sql
    step "CREATE EXTENSION pg_sphere refused; running $src less two operators"
    { echo 'begin;'
      perl -0pe 's/^\\.*$//mg; s/MODULE_PATHNAME/\$libdir\/pg_sphere/g;
          s/CREATE OPERATOR \@ \(\s*LEFTARG\s*=\s*(?:bigint|spoint),\s*RIGHTARG\s*=\s*smoc,.*?\);//gs' "$src"
      echo 'commit;'; } |
        as psql -Xq -v ON_ERROR_STOP=1 >"$STATE/pg/pgsphere.log" 2>&1 ||
        { tail -n 5 "$STATE/pg/pgsphere.log" >&2; die "pgSphere's script failed"; }
fi
have_proc q3c_ang2ipix || sql "create extension q3c" || die "CREATE EXTENSION q3c failed"
[ "$(sql "select spoint(radians(10),radians(10)) <@ scircle(spoint(radians(10.5),radians(10)),radians(1))")" = t ] ||
    die "pgSphere is in the database but does not work"

# --- 4. DaCHS -------------------------------------------------------------
if [ ! -e "$STATE/.dachs-init" ]; then
    step "dachs init"
    as timeout 300 gavo init -d "host=127.0.0.1 port=$PGPORT user=dachsroot dbname=gavo" \
        >"$STATE/init.log" 2>&1 || { tail -n 15 "$STATE/init.log" >&2; die "dachs init failed"; }
    as touch "$STATE/.dachs-init"
fi
as sed -i "s/^port = .*/port = $PGPORT/" "$STATE/gavo/etc/dsn"

# --- 5. tables ------------------------------------------------------------
# what queries call them (see bin/gavo); a table under a view cannot be replaced
views=('public."J/A+A/682/A34/erass1-m" vizier.erass1' 'public."I/355/gaiadr3" vizier.gaiadr3'
    'vizier."xmm-ssc" vizier.xmmssc')
for view in "${views[@]}"; do sql "drop view if exists ${view% *}" 2>/dev/null || true; done
CHANGED=0
declare -A files=() stamps=() marks=() # of the tables that are loaded
for rddir in "$here"/rds/*/; do
    name=$(basename "$rddir")
    as mkdir -p "$STATE/gavo/inputs/$name"
    rd=$STATE/gavo/inputs/$name/q.rd
    if ! cmp -s "$rddir/q.rd" "$rd"; then
        as tee "$rd" <"$rddir/q.rd" >/dev/null; CHANGED=1
    fi
    schema=$(sed -n 's/.*<resource[^>]* schema="\([^"]*\)".*/\1/p' "$rd" | head -n 1)
    stale=()
    for dd in $(sed -n 's/.*<data id="\([a-z0-9_]*\)_data".*/\1/p' "$rd"); do
        file=
        for ext in fits fits.gz csv csv.gz; do
            [ -r "$DATA/$dd.$ext" ] && { file=$DATA/$dd.$ext; break; }
        done
        [ -n "$file" ] || { echo "       no $DATA/$dd.{fits,fits.gz,csv,csv.gz}: $schema.$dd stays out"; continue; }
        stamp="$(sha256sum <"$rd" | cut -c1-16) $(stat -c '%s %Y' "$file") $(sha256sum <"$here/load.py" | cut -c1-8)"
        if [ "$RELOAD" = 0 ] && [ "$(cat "$STATE/loaded/$schema.$dd" 2>/dev/null)" = "$stamp" ]; then
            continue
        fi
        rm -f "$STATE/loaded/$schema.$dd"; CHANGED=1
        stale+=("$dd") files[$dd]=$file stamps[$name/q#$dd]=$stamp
    done
    [ ${#stale[@]} -gt 0 ] || continue
    # in one call, since each takes a second or two to start
    log=$STATE/loaded/$name.imp.log
    (cd "$STATE/gavo/inputs" && as timeout 300 gavo --ui plain imp "$name/q" \
        "${stale[@]/%/_data}") >"$log" 2>&1 ||
        { tail -n 15 "$log" >&2; die "dachs imp $name/q failed (log: $log)"; }
    for dd in "${stale[@]}"; do
        file=${files[$dd]}
        step "loading $schema.$dd from $file"
        log=$STATE/loaded/$schema.$dd.log
        : >"$log"
        # indices and CLUSTER are quicker after the rows are in: drop, COPY, rebuild
        cols=$(as psql -XAtq -c "select string_agg(quote_ident(attname), ' ' order by attnum) from pg_attribute
                where attrelid='$schema.$dd'::regclass and attnum>0 and not attisdropped")
        [ -n "$cols" ] || die "table $schema.$dd was not made"
        rel="$schema.$dd"
        mkindex=$(sql "select pg_get_indexdef(indexrelid)||';'||case when indisclustered
                then 'cluster '||indrelid::regclass||' using '||relname||';' else '' end
                from pg_index join pg_class on pg_class.oid=indexrelid
                where indrelid='$rel'::regclass and not indisprimary order by not indisclustered")
        sql "$(sql "select 'drop index '||indexrelid::regclass||';' from pg_index
                where indrelid='$rel'::regclass and not indisprimary")"
        if ! /usr/bin/python3 "$here/load.py" "$file" ${cols//\"/} 2>>"$log" |
             as timeout 1200 psql -Xq -v ON_ERROR_STOP=1 \
                -c "\\copy $rel (${cols// /, }) from pstdin" >>"$log" 2>&1; then
            tail -n 5 "$log" >&2; die "loading $file into $rel failed (log: $log)"
        fi
        sed -n 's/^note:/      &/p' "$log"
        sql "$mkindex" >>"$log" 2>&1 || { tail -n 5 "$log" >&2; die "indexing $rel failed (log: $log)"; }
        sql "analyze $rel"
        n=$(as psql -XAtq -c "select count(*) from $schema.$dd")
        [ "$n" -gt 0 ] || die "$file gave no rows"
        step "  $n rows"
        marks[$name/q#$dd]=$STATE/loaded/$schema.$dd
    done
done
if [ ${#marks[@]} -gt 0 ]; then
    # DaCHS needs the row count to put the larger table's position first in
    # CONTAINS, where the index is used (a 1M-row upload join: 60 s or 0.5 s)
    log=$STATE/loaded/limits.log
    (cd "$STATE/gavo/inputs" && as timeout 600 gavo limits -t "${!marks[@]}") >"$log" 2>&1 ||
        { tail -n 5 "$log" >&2; die "dachs limits failed (log: $log)"; }
    for table in "${!marks[@]}"; do
        echo "${stamps[$table]}" >"${marks[$table]}"
    done
fi

for view in "${views[@]}"; do
    [ -n "$(sql "select to_regclass('${view##* }')")" ] || continue
    sql "create schema if not exists vizier; grant usage on schema vizier to public;
        create view ${view% *} as select * from ${view##* }; grant select on ${view% *} to public"
done

# --- 6. serve -------------------------------------------------------------
if alive && { [ $CHANGED = 1 ] || [ $RCCHANGED = 1 ]; }; then
    step "restarting the server (tables or settings changed)"
    (cd "$STATE/gavo/inputs" && as timeout 60 gavo serve stop) >/dev/null 2>&1 || true
fi
if ! alive; then
    rm -f "$pidfile"
    if taken; then die "port $PORT is taken; use --port"; fi
    step "starting DaCHS on $base"
    (cd "$STATE/gavo/inputs" && as timeout 60 gavo serve start) >"$STATE/serve.log" 2>&1 9>&- ||
        { tail -n 10 "$STATE/serve.log" >&2; die "dachs serve failed"; }
fi
for i in $(seq 60); do ready && break; sleep 0.5; done
ready || { tail -n 10 "$STATE"/gavo/logs/server.stderr >&2 || true; die "$base/tap did not answer in 30 s"; }
for f in "$STATE"/loaded/*; do
    case $f in *.log|*'*') continue ;; esac
    t=$(basename "$f"); t=${t#public.}
    n=$(curl -s -m 60 "$base/tap/sync" -d LANG=ADQL -d FORMAT=csv --data-urlencode "QUERY=SELECT COUNT(*) AS n FROM $t" | tail -n 1 | tr -d '\r')
    [[ $n =~ ^[0-9]+$ ]] || die "TAP query on $t failed: $n"
    printf '       %-24s %9d rows\n' "$t" "$n"
done
step "TAP is up: $base/tap"
