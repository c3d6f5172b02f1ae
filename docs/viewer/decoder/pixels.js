/* Samples of a model → pixels in the file's mode. */

/* Samples (count, channels) → pixels: of mode 1 0 and 255, of mode P places in the palette, else the samples, or the
   values that they stand for. */
export function fromSamples(samples, header, palette) {
  if (header.mode === '1') return samples.map((sample) => (sample >= 128 ? 255 : 0));
  if (header.mode === 'P') return nearestColours(samples, palette, header.channels);
  if (!header.ranges.length) return samples;
  const tables = header.ranges.map(valuesOf);
  return samples.map((sample, k) => tables[k % header.channels][sample]);
}

/* Pixels (count, channels) → the pixels and their header, red, green and blue apart where a sample stood for them. */
export function withColours(pixels, header) {
  if (!header.grey) return { header, pixels };
  const from = header.channels;
  const channels = from + 2;
  const all = new pixels.constructor((pixels.length / from) * channels);
  for (let at = 0, to = 0; at < pixels.length; at += from, to += channels) {
    all[to] = all[to + 1] = all[to + 2] = pixels[at];
    if (from === 2) all[to + 3] = pixels[at + 1];
  }
  return { header: { ...header, channels }, pixels: all };
}

/* The palette's nearest colour, the lowest of equals; with alpha, as far as colours can be seen. */
function nearestColours(samples, palette, channels) {
  const seen = (from, at) => {
    if (channels === 3) return [from[at], from[at + 1], from[at + 2], 0];
    const alpha = from[at + 3];
    return [from[at] * alpha, from[at + 1] * alpha, from[at + 2] * alpha, 255 * alpha];
  };
  const colours = Array.from({ length: palette.length / channels }, (_, k) => seen(palette, k * channels));
  const known = new Map();
  const places = new Uint8Array(samples.length / channels);
  for (let i = 0; i < places.length; i++) {
    const at = i * channels;
    const key = samples[at] + samples[at + 1] * 256 + samples[at + 2] * 65536 + (channels === 4 ? samples[at + 3] * 2 ** 24 : 0);
    let place = known.get(key);
    if (place === undefined) {
      const own = seen(samples, at);
      let least = Infinity;
      colours.forEach((colour, k) => {
        const distance = colour.reduce((sum, value, c) => sum + (value - own[c]) ** 2, 0);
        if (distance < least) [least, place] = [distance, k];
      });
      if (known.size < 2 ** 16) known.set(key, place);
    }
    places[i] = place;
  }
  return places;
}

/* The value of each sample 0 … 65535 of a channel, by its six numbers. */
function valuesOf([lowest, lower, low, high, higher, highest]) {
  const a = lowest === low ? 0 : high === highest ? 49152 : 24576;
  const parts = lowest === low && high === highest ? [[0, 65535, low, high]] : [
    [0, a - 16385, lowest, lower],
    [a - 16384, a - 8193, lower, lower],
    [a - 8192, a - 1, low, low],
    [a, a + 16383, low, high],
    [a + 16384, a + 24575, high, high],
    [a + 24576, a + 32767, higher, higher],
    [a + 32768, 65535, higher, highest],
  ];
  const table = new Uint16Array(65536);
  for (const [s0, s1, v0, v1] of parts) {
    if (s0 < 0 || s1 > 65535) continue;
    for (let s = s0; s <= s1; s++) table[s] = v0 + Math.floor((2 * (s - s0) * (v1 - v0) + s1 - s0) / (2 * (s1 - s0)));
  }
  return table;
}
