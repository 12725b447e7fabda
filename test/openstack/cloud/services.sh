# shellcheck shell=bash
# How the daemons are started, awaited and told about each other. Used inside the cloud's namespaces.

# start NAME CMD...   Starts a daemon, unless it runs already. It outlives the caller.
start() {
  local name=$1
  shift
  ! process_of "$name" >/dev/null || return 0
  setsid "$@" </dev/null >>"$log/$name.log" 2>&1 9>&- &
  remember_process "$name" $!
}

# stop NAME   Kills a daemon, if it runs.
stop() {
  local pid
  pid=$(process_of "$1") || return 0
  kill -9 "$pid"
  while process_of "$1" >/dev/null; do sleep 0.05; done
}

# await NAME SECONDS CMD...   Waits until CMD says that daemon NAME serves; tells its last words if it does not.
await() {
  local name=$1 limit=$2 end=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    process_of "$name" >/dev/null || fail_with_log "$name" "$name has ended"
    ((SECONDS < end)) || fail_with_log "$name" "$name does not serve after $limit s"
    sleep 0.3
  done
}

fail_with_log() {
  fail "$2; the end of $log/$1.log:"$'\n'"$(last_words "$log/$1.log")"
}

last_words() {
  # Without the colours of the services' loggers.
  tail -n 10 "$1" | sed 's/\x1b\[[0-9;]*m//g' | cut -c1-300
}

# once NAME CMD...   Runs CMD until it succeeded a single time; what it does must be fit to be repeated until then.
once() {
  local name=$1 status
  shift
  [[ ! -e $state/done/$name ]] || return 0
  # Not on the left of ||: there bash goes on after a command that failed in the middle of CMD.
  set +e
  (
    set -e
    "$@"
  ) </dev/null >"$log/$name.log" 2>&1
  status=$?
  set -e
  ((status == 0)) || fail_with_log "$name" "$name failed"
  : >"$state/done/$name"
}

listens() { curl -s -o /dev/null --max-time 5 "http://127.0.0.1:$1/"; }

# sql QUERY   Succeeds when QUERY gives a row. Far cheaper than to ask by the OpenStack client.
sql() { mariadb_client -Ne "$1" | grep -q .; }

# since NAME   When daemon NAME was started, for queries: what it reported earlier does not count.
since() { printf 'from_unixtime(%d)' "$(stat -c %Y "$run/$1.pid")"; }

# credentials USER PROJECT   The lines by which a service logs in.
credentials() {
  cat <<END
auth_url = http://127.0.0.1:5000
auth_type = password
username = $1
password = $(secret "$1")
project_name = $2
user_domain_id = default
project_domain_id = default
region_name = RegionOne
END
}

# common_options SERVICE USER PROJECT   What the configurations of all services begin with.
# Database and messages need no password: nobody else is in their network.
common_options() {
  mkdir -p "$data/$1/lock"
  cat <<END
[DEFAULT]
transport_url = rabbit://guest:guest@127.0.0.1:5672/
state_path = $data/$1
host = cloud
[database]
connection = $(database_url "$1")
max_pool_size = 5
[oslo_concurrency]
lock_path = $data/$1/lock
[oslo_messaging_notifications]
driver = noop
[keystone_authtoken]
www_authenticate_uri = http://127.0.0.1:5000
memcached_servers = 127.0.0.1:11211
service_token_roles = service
service_token_roles_required = true
$(credentials "$2" "$3")
END
}

# start_wsgi NAME PORT FILE PROCESSES   Clients must be told that each connection ends with its answer.
start_wsgi() {
  start "$1" uwsgi --plugin python3 --http-socket "127.0.0.1:$2" --wsgi-file "$3" --processes "$4" --lazy-apps \
    --master --die-on-term --buffer-size 65535 --add-header 'Connection: close' --disable-logging
}
