#!/usr/bin/env bash
# scripts/test-hosts cgroup-v2: the suite of limits on Debian's kernel under emulation, with cgroup v2 alone.
set -euo pipefail
top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
cd "$top"
. scripts/lib/steps.sh

missing=()
command -v qemu-system-x86_64 >/dev/null || missing+=(qemu-system-x86)
command -v mkinitramfs >/dev/null || missing+=(initramfs-tools)
compgen -G '/boot/vmlinuz-*-amd64' >/dev/null || missing+=(linux-image-amd64)
if [[ ${#missing[@]} -gt 0 ]]; then
  say "system packages: ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kernel=$(find /boot -name 'vmlinuz-*-amd64' | sort -V | tail -1)
version=${kernel#/boot/vmlinuz-}

say "initrd of $version with 9p"
cp -r /etc/initramfs-tools "$work/conf"
printf '9p\n9pnet_virtio\nvirtio_pci\noverlay\n' >>"$work/conf/modules"
mkinitramfs -d "$work/conf" -o "$work/initrd" "$version"

cat >"$work/init" <<EOF
#!/bin/bash
mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sys /sys
mount -t cgroup2 none /sys/fs/cgroup
mountpoint -q /dev || mount -t devtmpfs dev /dev
for folder in /tmp /run; do mount -t tmpfs none \$folder; done
mkdir -p /dev/shm && mount -t tmpfs none /dev/shm
# what tests write to the checkout stays in memory
mkdir /run/upper /run/work
mount -t overlay overlay -o 'lowerdir=$top,upperdir=/run/upper,workdir=/run/work' '$top'
mkdir -p '$top/node_modules/.vite-temp' && chmod 1777 '$top/node_modules/.vite-temp'
export PATH='$PATH' HOME=/tmp CI=true SANDPIPER_CGROUPS=v2
ip link set lo up
ulimit -n 20000
cd '$top'
node packages/tools/cli/dist/main.js doctor
export NO_COLOR=1 TERM=dumb
suite() {
  echo "--- the suite of limits \$1"
  shift
  "\$@" node node_modules/vitest/vitest.mjs run --no-cache --project guest --testTimeout=200000 --hookTimeout=200000 \
    packages/sandbox/controller/test/limits.guest.test.ts
}
as_user() { setpriv --reuid=1000 --regid=1000 --clear-groups "\$@"; }
# a group whose processes are the user's, below one that it may divide (cgroups(7), "Delegation")
lend() {
  mkdir "\$1"
  echo '+memory +pids +cpu' >/sys/fs/cgroup/cgroup.subtree_control
  chown 1000:1000 "\$1" "\$1"/cgroup.{procs,threads,subtree_control}
}
try() {
  echo "--- \$1"
  shift
  "\$@" || failed+=("\$*")
}
delegated() {
  lend /sys/fs/cgroup/lent
  echo '+memory +pids' >/sys/fs/cgroup/lent/cgroup.subtree_control
  mkdir /sys/fs/cgroup/lent/node
  chown -R 1000:1000 /sys/fs/cgroup/lent/node
  (echo \$BASHPID >/sys/fs/cgroup/lent/node/cgroup.procs && suite 'as an ordinary user in a delegated subtree' as_user)
}
divided() {
  lend /sys/fs/cgroup/own
  # alone in its group: not even this shell is with it
  bash -c 'echo \$\$ >/sys/fs/cgroup/own/cgroup.procs && exec setpriv --reuid=1000 --regid=1000 --clear-groups \
    node packages/tools/cli/dist/main.js run --strict-limits --json examples/hello.py' >/run/divided.json
  grep -q '"memory": "cgroup-v2"' /run/divided.json
}
capped() {
  printf 'while True: pass\n' >/tmp/busy.py
  SANDPIPER_GUEST_CPUS=0.25 node packages/tools/cli/dist/main.js run --json --wall-ms 4000 /tmp/busy.py >/run/capped.json
  grep -E '"(status|cpuMs|wallMs|throttledMs)"' /run/capped.json
  node -e 'const { status, usage } = JSON.parse(require("fs").readFileSync("/run/capped.json"));
    process.exit(status === "wall-limit" && usage.cpuMs < 0.35 * usage.wallMs && usage.throttledMs > 1000 ? 0 : 1)'
}
failed=()
try 'as root' suite 'as root' env
try 'a delegated subtree' delegated
try 'a node that divides its own group' divided
try 'a quarter of a CPU' capped
echo
if [[ \${#failed[@]} -eq 0 ]]; then echo THE SUITE PASSED; else echo "failed: \${failed[*]}"; fi
echo o >/proc/sysrq-trigger
while :; do :; done
EOF
chmod +x "$work/init"

say 'the suite of limits under cgroup v2'
timeout 1200 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 4096 -nographic -no-reboot \
  -kernel "$kernel" -initrd "$work/initrd" \
  -fsdev local,id=rootfs,path=/,security_model=none,readonly=on,multidevs=remap \
  -device virtio-9p-pci,fsdev=rootfs,mount_tag=hostroot \
  -append "console=ttyS0 quiet panic=-1 root=hostroot rootfstype=9p rootflags=trans=virtio,version=9p2000.L,cache=loose ro init=$work/init" \
  </dev/null | tee "$work/log"
grep -q '^THE SUITE PASSED' "$work/log" || die 'the suite did not pass under cgroup v2'
say 'the suite of limits passed under cgroup v2'
