# Finds what building and testing need, and installs what is missing. Sourced by ./run and ./test.
#
# System packages come by apt-get when we are root on Debian or Ubuntu; elsewhere the script says
# what to install. Our own tools go to a folder outside the repository, so that every clone of it
# on this machine shares them:
#   CHAINCITY_TOOLS   default: ~/.cache/chaincity/tools

CARGO_DENY_VERSION=0.20.2

tools="${CHAINCITY_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/chaincity/tools}"
target="${CARGO_TARGET_DIR:-$PWD/target}"
export PATH="$tools/bin:$HOME/.cargo/bin:$PATH"

# say CHINESE ENGLISH
say() { printf '%s  %s\n' "$1" "$2"; }

# give_up CHINESE ENGLISH
give_up() {
  say "$1" "$2" >&2
  exit 1
}

# system_packages WHAT PACKAGE... : installs Debian packages, or says that they are needed.
system_packages() {
  local what=$1
  shift
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "正在安装 $what" "installing $what: $*"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null && return
  fi
  give_up "缺少 $what，请先安装：$*" "$what is missing; please install: $*"
}

need_rust() {
  command -v cargo >/dev/null || command -v rustup >/dev/null || give_up \
    "缺少 Rust，请按 https://rustup.rs 安装（版本由 rust-toolchain.toml 指定）" \
    "Rust is missing; install it from https://rustup.rs (rust-toolchain.toml names the version)"
  # With rustup, the first call fetches the toolchain that rust-toolchain.toml names.
  cargo --version >/dev/null || give_up "cargo 无法运行" "cargo does not run"
}

need_compiler() {
  command -v cc >/dev/null || system_packages "C 编译器 / a C compiler" gcc libc6-dev
}

need_git() {
  command -v git >/dev/null || system_packages "git" git
}

# A software token, for the tests of vaults that are kept under a key in a token.
need_softhsm() {
  command -v softhsm2-util >/dev/null || system_packages "SoftHSM 2" softhsm2
}

# A virtual environment of its own for each state of the requirements: $python.
python_home="$tools/python-$(sha256sum scripts/requirements.txt | cut -c1-12)"
python="$python_home/bin/python3"

need_python() {
  [ -e "$python_home/ready" ] && return
  command -v python3 >/dev/null || system_packages "Python 3" python3 python3-venv
  say "正在准备 Python 校验环境" "preparing the Python environment of the independent verifiers"
  mkdir -p "$tools"
  rm -rf "$python_home"
  if ! python3 -m venv "$python_home" >/dev/null 2>&1; then
    system_packages "Python venv" python3-venv
    rm -rf "$python_home"
    python3 -m venv "$python_home"
  fi
  "$python" -m pip install --quiet --disable-pip-version-check -r scripts/requirements.txt
  touch "$python_home/ready"
}

# Node.js with the packages that the lock file pins, in the folder of the second oracle.
oracle=crates/core/package/tests/oracle

# The major version of Node.js, 0 without it.
node_major() { node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0; }

need_node() {
  if [ "$(node_major)" -lt 20 ] || ! command -v npm >/dev/null; then
    system_packages "Node.js 20" nodejs npm
    [ "$(node_major)" -ge 20 ] || give_up \
      "Node.js 版本过旧，需要 20 或更新，请按 https://nodejs.org 安装" \
      "Node.js is too old: 20 or later is needed; install it from https://nodejs.org"
  fi
  cmp -s "$oracle/package-lock.json" "$oracle/node_modules/ready" && return
  say "正在准备 CEL 对照环境" "preparing the second implementation of CEL"
  npm ci --prefix "$oracle" --ignore-scripts --no-audit --no-fund --loglevel=error
  cp "$oracle/package-lock.json" "$oracle/node_modules/ready"
}

need_deny() {
  local have
  have=$(cargo-deny --version 2>/dev/null || true)
  [ "$have" = "cargo-deny $CARGO_DENY_VERSION" ] && return
  say "正在编译 cargo-deny（两核约需一分钟，仅此一次）" \
    "building cargo-deny $CARGO_DENY_VERSION (about a minute on two cores, once)"
  # Unoptimised: it builds in a fifth of the time and still checks in seconds. In a folder of its
  # own: the tool's build must not touch the repository's.
  CARGO_TARGET_DIR="$tools/build" \
    cargo install --quiet --locked --debug --root "$tools" --version "$CARGO_DENY_VERSION" cargo-deny
  rm -rf "$tools/build"
}
