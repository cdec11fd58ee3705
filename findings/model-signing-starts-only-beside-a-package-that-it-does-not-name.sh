#!/usr/bin/env bash
# model-signing 1.1.1, the reference implementation of OpenSSF Model Signing: one would guess that a package from PyPI
# starts once it is installed. But it imports OpenSSL (pyOpenSSL), which none of its requirements names; it used to
# come along with sigstore (4.1.0), and with sigstore 4.5.1 it does not. So neither the library can be imported nor the
# command asked for help, whatever kind of key is meant. With pyOpenSSL beside it both work.
#
# Seen: ModuleNotFoundError for 'OpenSSL' from `import model_signing` and from `model_signing --help`; after pyOpenSSL
# 26.4.0 is installed too, the command prints its help.
#
# Fails where the package starts by itself.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "model-signing==1.1.1" "sigstore==4.5.1"
for words in "python -c 'import model_signing'" "model_signing --help"; do
    if said="$(eval "$folder/venv/bin/$words" 2>&1)"; then
        echo "it starts: $words"
        exit 1
    fi
    grep --quiet "No module named 'OpenSSL'" <<< "$said"
    echo "ends with: $(tail -n 1 <<< "$said")"
done
uv pip install --quiet --python "$folder/venv" "pyopenssl==26.4.0"
"$folder/venv/bin/model_signing" --help | grep --quiet "verify"
echo "with pyOpenSSL beside it, it starts"
