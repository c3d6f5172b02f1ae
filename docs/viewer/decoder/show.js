/* Pixels of any mode → what a canvas shows, and what a PNG can hold. */

const clip = (value) => Math.max(0, Math.min(255, Math.round(value)));

/* A function that writes one pixel's red, green, blue and alpha of 8 bits: (pixels, its first sample, to, at). */
function painter(header, palette) {
  const { mode, bits, channels } = header;
  const down = bits === 16 ? (v) => Math.round(v / 257) : (v) => v;
  const set = (to, at, red, green, blue, alpha = 255) => {
    to[at] = red;
    to[at + 1] = green;
    to[at + 2] = blue;
    to[at + 3] = alpha;
  };
  switch (mode) {
    case 'P':
      return (p, k, to, at) => {
        const c = p[k] * channels;
        set(to, at, palette[c], palette[c + 1], palette[c + 2], channels === 4 ? palette[c + 3] : 255);
      };
    case 'LA':
      return (p, k, to, at) => set(to, at, down(p[k]), down(p[k]), down(p[k]), down(p[k + 1]));
    case 'RGB':
      return (p, k, to, at) => set(to, at, down(p[k]), down(p[k + 1]), down(p[k + 2]));
    case 'RGBA':
      return (p, k, to, at) => set(to, at, down(p[k]), down(p[k + 1]), down(p[k + 2]), down(p[k + 3]));
    case 'CMYK':
      return (p, k, to, at) => {
        const light = (255 - p[k + 3]) / 255;
        set(to, at, clip((255 - p[k]) * light), clip((255 - p[k + 1]) * light), clip((255 - p[k + 2]) * light));
      };
    case 'YCbCr':
      return (p, k, to, at) => {
        const cb = p[k + 1] - 128;
        const cr = p[k + 2] - 128;
        set(to, at, clip(p[k] + 1.402 * cr), clip(p[k] - 0.344136 * cb - 0.714136 * cr), clip(p[k] + 1.772 * cb));
      };
    case 'LAB':
      return (p, k, to, at) => set(to, at, ...fromLab((p[k] * 100) / 255, p[k + 1] - 128, p[k + 2] - 128));
    default:
      return (p, k, to, at) => set(to, at, down(p[k]), down(p[k]), down(p[k]));
  }
}

/* CIE L*a*b* under D50 → sRGB of 8 bits. */
function fromLab(l, a, b) {
  const y = (l + 16) / 116;
  const [X, Y, Z] = [y + a / 500, y, y - b / 200].map((t, k) =>
    [0.96422, 1, 0.82521][k] * (t > 6 / 29 ? t ** 3 : 3 * (6 / 29) ** 2 * (t - 4 / 29)));
  return [
    3.1338561 * X - 1.6168667 * Y - 0.4906146 * Z,
    -0.9787684 * X + 1.9161415 * Y + 0.033454 * Z,
    0.0719453 * X - 0.2289914 * Y + 1.4052427 * Z,
  ].map((v) => clip(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055)));
}

/* Samples of a pixel as `decode` gives them. */
export function samplesOf(header) {
  return header.mode === 'P' ? 1 : header.channels;
}

/* { rgba, width, height }: every `step`th pixel, so many that there are at most `most` of them. */
export function toRgba(pixels, header, palette, width, height, most) {
  let step = 1;
  while (Math.ceil(width / step) * Math.ceil(height / step) > most) step++;
  const paint = painter(header, palette);
  const samples = samplesOf(header);
  const [w, h] = [Math.ceil(width / step), Math.ceil(height / step)];
  const rgba = new Uint8ClampedArray(4 * w * h);
  let at = 0;
  for (let y = 0; y < height; y += step) {
    for (let x = 0; x < width; x += step, at += 4) paint(pixels, (y * width + x) * samples, rgba, at);
  }
  return { rgba, width: w, height: h, step };
}

/* The orientation that EXIF says, 1 … 8; 1 where it says none. */
export function orientationOf(exif) {
  try {
    const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
    const little = view.getUint16(0) === 0x4949;
    const first = view.getUint32(4, little);
    for (let k = view.getUint16(first, little) - 1; k >= 0; k--) {
      const at = first + 2 + 12 * k;
      if (view.getUint16(at, little) === 0x0112) {
        const found = view.getUint16(at + 8, little);
        return found >= 1 && found <= 8 ? found : 1;
      }
    }
  } catch {
    // none, or bytes that are no EXIF: pixels are shown as they are stored
  }
  return 1;
}
