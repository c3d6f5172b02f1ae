#!/bin/sh
# Compiles the decoder's kernels to the file named, docs/viewer/inr.wasm by default. Needs clang and wasm-ld, 14 or newer.
set -eu
cd "$(dirname "$0")"
OUT=${1:-../docs/viewer/inr.wasm}
SOURCES=$(cat include/*.h ./*.[ch] ../inr_core/kernels/*.h | cksum | cut -d' ' -f1)
