/* Pixels → a PNG file with the same pixels, to the bit, where PNG has their mode; others as they are shown. */

import { crc32 } from './container.js';
import { toRgba } from './show.js';

const TYPES = { 1: 0, L: 0, 'I;16': 0, RGB: 2, P: 3, LA: 4, RGBA: 6 }; // of colours, by mode

/* What `Decoder.decode` gave → a promise of the file's parts, for a Blob. */
export async function toPng({ header, palette, metadata, pixels }) {
  const { width, height } = header;
  let { mode, depth: bits, channels } = header;
  if (mode === 'P') channels = 1;
  if (!(mode in TYPES)) {
    const { rgba } = toRgba(pixels, header, palette, width, height, Infinity);
    pixels = new Uint8Array(3 * width * height);
    for (let i = 0; i < width * height; i++) pixels.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
    [mode, bits, channels] = ['RGB', 8, 3];
  }
  const head = new DataView(new ArrayBuffer(13));
  head.setUint32(0, width);
  head.setUint32(4, height);
  head.setUint8(8, bits);
  head.setUint8(9, TYPES[mode]);
  const parts = [Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10), ...chunk('IHDR', new Uint8Array(head.buffer))];
  if (metadata.iccp && header.mode === mode) {
    parts.push(...chunk('iCCP', Uint8Array.of(73, 67, 67, 0, 0), await deflated(metadata.iccp)));
  }
  if (mode === 'P') {
    const n = header.channels;
    const colours = Array.from({ length: palette.length / n }, (_, k) => palette.subarray(n * k, n * k + n));
    parts.push(...chunk('PLTE', Uint8Array.from(colours.flatMap((colour) => [...colour.subarray(0, 3)]))));
    if (n === 4) parts.push(...chunk('tRNS', Uint8Array.from(colours, (colour) => colour[3])));
  }
  if (metadata.exif?.length) parts.push(...chunk('eXIf', metadata.exif));
  parts.push(...chunk('IDAT', await deflated(rows(pixels, width, height, bits, channels, mode !== 'P'))));
  return [...parts, ...chunk('IEND')];
}

function chunk(name, ...data) {
  const type = Uint8Array.from(name, (letter) => letter.charCodeAt(0));
  const ends = new DataView(new ArrayBuffer(8));
  ends.setUint32(0, data.reduce((sum, part) => sum + part.length, 0));
  ends.setUint32(4, crc32(type, ...data));
  return [new Uint8Array(ends.buffer, 0, 4), type, ...data, new Uint8Array(ends.buffer, 4, 4)];
}

/* Rows as PNG has them, each behind its filter: of 8 and 16 bits what Paeth predicts is taken off, if `filtered`. */
function rows(pixels, width, height, bits, channels, filtered) {
  const bytes = bits === 16 ? 2 : 1;
  const line = bits === 1 ? Math.ceil(width / 8) : width * channels * bytes;
  const each = channels * bytes;
  const out = new Uint8Array((line + 1) * height);
  let above = new Uint8Array(line);
  let row = new Uint8Array(line);
  for (let y = 0; y < height; y++) {
    const from = y * width * channels;
    if (bits === 1) {
      row.fill(0);
      for (let x = 0; x < width; x++) row[x >> 3] |= (pixels[from + x] ? 128 : 0) >> (x & 7);
    } else if (bits === 16) {
      for (let x = 0; x < width * channels; x++) {
        row[2 * x] = pixels[from + x] >> 8;
        row[2 * x + 1] = pixels[from + x];
      }
    } else row.set(pixels.subarray(from, from + line));
    const at = y * (line + 1);
    if (bits === 1 || !filtered) out.set(row, at + 1);
    else {
      out[at] = 4;
      for (let k = 0; k < line; k++) {
        const a = k < each ? 0 : row[k - each];
        const b = above[k];
        const c = k < each ? 0 : above[k - each];
        const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
        out[at + 1 + k] = row[k] - (pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
      }
    }
    [above, row] = [row, above];
  }
  return out;
}

async function deflated(data) {
  const stream = new Blob([data]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
