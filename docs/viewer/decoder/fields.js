/* Takes fields off the front of bytes; whatever is missing or out of range is a FormatError that says where. */

import { FormatError, expect, require } from './errors.js';

export class FieldReader {
  constructor(data) {
    this.data = data;
    this.offset = 0;
  }

  get left() {
    return this.data.length - this.offset;
  }

  /* The next n bytes, not copied. */
  take(n, what) {
    if (n > this.left) throw new FormatError(`${what}: expected ${n} bytes, got ${this.left}`);
    this.offset += n;
    return this.data.subarray(this.offset - n, this.offset);
  }

  rest() {
    return this.take(this.left, 'rest');
  }

  byte(what, low, high) {
    return expect(what, this.take(1, what)[0], low, high);
  }

  /* Little-endian, of so many bytes. */
  unsigned(bytes, what) {
    let value = 0;
    const field = this.take(bytes, what);
    for (let k = bytes - 1; k >= 0; k--) value = value * 256 + field[k];
    return value;
  }

  /* Seven bits a byte, the low ones first, at most five bytes. */
  number(what, low, high) {
    let value = 0;
    for (let k = 0; k < 5; k++) {
      const byte = this.take(1, what)[0];
      value += (byte & 127) * 2 ** (7 * k);
      require(byte || !k, `${what}: expected a number that does not end in a byte of 0, got one that does`);
      if (byte < 128) return expect(what, value, low, high);
    }
    throw new FormatError(`${what}: expected a number of at most 5 bytes, got a longer one`);
  }

  /* `count` values of so many bits each. */
  bits(count, width, what) {
    return splitBits(this.take(Math.ceil((count * width) / 8), what), count, width, what);
  }

  /* A Zstandard frame of `length` bytes, behind its own length. */
  squeezed(engine, length, what) {
    const frame = this.take(this.number(`${what} length`, 0, this.data.length), what);
    return engine.expand(frame, length, length, what);
  }
}

/* Values (count,) of 1 … 24 bits out of all of a bit string; FormatError: what fills its last byte is not 0. */
export function splitBits(data, count, width, what) {
  const values = new Int32Array(count);
  let window = 0;
  let there = 0; // bits of the window, at most 31
  let at = 0;
  for (let k = 0; k < count; k++) {
    while (there < width) {
      window = ((window << 8) | data[at++]) >>> 0;
      there += 8;
    }
    there -= width;
    values[k] = window >>> there;
    window &= 2 ** there - 1;
  }
  require(!window, `${what}: expected zero bits after ${count} values of ${width} bits, got others`);
  return values;
}
