# shellcheck shell=bash
# Sourced by what builds images: sets `pip_secrets`, the options of `docker buildx build` that let pip work inside the
# build as it does here. It gets this machine's certificates and package indexes as build secrets, which leave no trace
# in the images.
pip_secrets=()
certificates=${PIP_CERT:-${SSL_CERT_FILE:-${REQUESTS_CA_BUNDLE:-}}}
if [ -f "$certificates" ]; then pip_secrets+=(--secret "id=ca,src=$certificates"); fi
# An index that is a folder here is none inside the build.
indexes=$("${PYTHON:-python3}" -m pip config list 2>/dev/null |
    sed -n "s/^[^.]*\.\(index-url\|extra-index-url\|trusted-host\|proxy\)='\(.*\)'\$/\1 = \2/p" |
    awk '$3 !~ /^file:/ && !seen[$1]++' || true)
export PIP_CONF="[global]"$'\n'"$indexes"
pip_secrets+=(--secret id=pip_conf,env=PIP_CONF)
