#!/bin/sh
# The compiled kernels under AddressSanitizer and UndefinedBehaviorSanitizer: their own tests, golden files, hostile files
# and mutants, at every level that this machine has. In a copy in build/sanitize, so that the built library stays.
#   tests/fuzz/sanitize.sh [MUTANTS of each level, 10000]    PYTHON=, CC=: the interpreter, with what tests need, and gcc
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
mutants=${1:-10000}
python=${PYTHON:-$root/.venv/bin/python}
compiler=${CC:-gcc}
there=$root/build/sanitize

rm -rf "$there"
mkdir -p "$there"
cd "$root"
cp -r inr_core pillow_inr tests sample_images pyproject.toml *.md "$there"
cd "$there"
rm -f inr_core/kernels/native.*so
sources=$("$python" -c 'from pathlib import Path; from zlib import crc32
print(crc32(b"".join(path.read_bytes() for path in sorted(Path("inr_core/kernels").glob("*.[ch]")))))')
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
"$compiler" -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1 -O1 -std=c11 -Wall \
    -Wextra -Werror -fPIC -shared -fvisibility=hidden "-DSOURCES=${sources}u" "-I$include" inr_core/kernels/*.c \
    -o inr_core/kernels/native.abi3.so -lm

# Python keeps memory until it ends; what is allocated beyond an address space's limit is None, as without sanitizers.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16:handle_segv=0
export UBSAN_OPTIONS=print_stacktrace=1
export PYTHONPATH=$there:$there/tests:$there/tests/helpers:$there/tests/fuzz PYTHONSAFEPATH=1
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MALLOC_PERTURB_=165
run() {
    LD_PRELOAD="$("$compiler" -print-file-name=libasan.so) $("$compiler" -print-file-name=libubsan.so)" "$python" "$@"
}
run -c "import inr_core, inr_core.kernels.switch as s; assert inr_core.__file__.startswith('$there'), inr_core.__file__
assert s.native is not None; print('sanitized:', *s.available())"
# Apart: tests that limit the address space, which the sanitizer reserves terabytes of, and those that load torch.
run -m pytest -q -x --capture=sys -p no:cacheprovider tests/kernels/test_kernels.py tests/kernels/test_arguments.py \
    tests/kernels/test_arithmetic.py tests/kernels/test_resample.py tests/kernels/test_wavelet.py \
    tests/kernels/test_mixing.py tests/exact/test_reduced.py tests/entropy tests/codec/test_golden.py tests/codec/test_hostile.py \
    tests/latent/test_latent_hostile.py tests/exact/test_exact_hostile.py tests/exact/test_beside_hostile.py
for level in $(run -c 'from inr_core.kernels import switch; print(*switch.available()[1:])'); do
    echo "mutants: $level"
    PILLOW_INR_KERNELS=$level run tests/fuzz/mutants.py "$mutants" --findings findings
done
