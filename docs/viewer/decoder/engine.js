/* The WebAssembly module's memory and functions. One picture each: memory is only ever taken. */

import { FormatError } from './errors.js';

const NO_MEMORY = -1;
const REFUSED = 0;

/* Sines of the middles of 4096 parts of a turn, in 1/511: int16 (4096,). */
export function sineTable() {
  return Int16Array.from({ length: 4096 }, (_, k) => Math.round(511 * Math.sin(((k + 0.5) * 2 * Math.PI) / 4096)));
}

export class Engine {
  /* `module`: a compiled WebAssembly.Module of inr.wasm. */
  constructor(module) {
    this.calls = new WebAssembly.Instance(module, {}).exports;
    const sines = this.calls.set_sines(this.put(sineTable()));
    if (sines !== 1) throw new Error('this browser computes other sines than the format has');
  }

  /* Memory of so many bytes; RangeError: there is none. */
  take(bytes, zeros = false) {
    if (bytes > 0xffffffff) throw noMemory(bytes);
    const at = (zeros ? this.calls.take_zeros(bytes) : this.calls.take(bytes)) >>> 0;
    if (!at) throw noMemory(bytes);
    return at;
  }

  /* A copy of a typed array. */
  put(array) {
    const at = this.take(array.byteLength);
    this.view(at, array.byteLength).set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return at;
  }

  /* Memory as bytes, or as what `type` holds; until more is taken. */
  view(at, count, type = Uint8Array) {
    return new type(this.calls.memory.buffer, at, count);
  }

  /* Do something, and give back the memory that it took. */
  within(work) {
    const before = this.calls.mark();
    try {
      return work();
    } finally {
      this.calls.release(before);
    }
  }

  /* Whether a function's result is MADE; FormatError: the bytes were refused. RangeError: there was no memory. */
  check(result, what, expected) {
    if (result === NO_MEMORY) throw noMemory(0);
    if (result === REFUSED) throw new FormatError(`${what}: expected ${expected}, got others`);
  }

  /* What a Zstandard frame holds, low … high bytes. */
  expand(frame, low, high, what) {
    return this.within(() => {
      const from = this.put(frame);
      const size = this.calls.declared_size(from, frame.length);
      if (!(size >= Math.max(1, low) && size <= high)) {
        throw new FormatError(`${what}: expected ${low} to ${high} decompressed bytes, got ${size}`);
      }
      const to = this.take(size);
      this.check(this.calls.expand(from, frame.length, to, size), what, 'Zstandard data');
      return this.view(to, size).slice();
    });
  }
}

function noMemory(bytes) {
  const more = bytes ? `: ${Math.ceil(bytes / 2 ** 20)} MiB more are needed` : '';
  return new RangeError(`The picture is too large for the memory that a browser gives${more}`);
}
