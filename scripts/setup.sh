# Sourced by scripts/acceptance and scripts/test: brings a fresh Debian 12 machine to where they can start.
# Everything here is idempotent, and silent when there is nothing to do.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python
export PYTHONUNBUFFERED=1

die() { # message, what to do next
    printf '%s\n  next: %s\n' "$1" "$2" >&2
    exit 4
}

[ -z "${PYTHONOPTIMIZE:-}" ] || die "PYTHONOPTIMIZE removes assertions: no check could fail" "unset PYTHONOPTIMIZE"

# packages NAME…: installs those Debian packages that are missing.
packages() {
    local missing=() name log
    for name; do
        dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" -eq 0 ] || die "missing packages: ${missing[*]}" "run this as root, or: sudo apt-get install ${missing[*]}"
    echo "installing ${missing[*]}"
    log=$(mktemp)
    # A database server that starts by itself is not wanted on this machine: the tests start their own.
    mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/acceptance.conf
    # Nor is a pooler, or a server of metrics: they are masked before they come.
    for name in pgbouncer prometheus; do
        [[ " ${missing[*]} " != *" $name "* ]] || ln -sf /dev/null "/etc/systemd/system/$name.service"
    done
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get -q update && apt-get -qy install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        die "apt-get could not install ${missing[*]}; whole log: $log" "mend what it names, then run this again"
    fi
    rm -f "$log"
}

# venv: the locked Python packages in .venv, installed anew when the lock changes.
venv() {
    local wanted
    wanted=$(sha256sum "$root/requirements.lock" | cut -d' ' -f1)
    [ "$(cat "$root/.venv/lock" 2>/dev/null)" = "$wanted" ] && return
    echo "installing Python packages into .venv"
    python3 -m venv "$root/.venv" || die "python3 -m venv failed" "apt-get install python3-venv"
    "$python" -m pip install -qq --disable-pip-version-check --require-hashes -r "$root/requirements.lock" </dev/null ||
        die "pip could not install requirements.lock" "see its last lines above"
    printf '%s' "$wanted" >"$root/.venv/lock"
}

suite_packages=(python3-venv openssh-client chromium-headless-shell)
lab_packages=(qemu-system-x86 mmdebstrap systemd-container socat iproute2 e2fsprogs xfsprogs busybox-static cpio
    util-linux zstd)
test_packages=(postgresql-15 pgbouncer nodejs openssh-server nftables iptables prometheus)
