/* Decodes beside the page, so that the page stays alive. Asked { bytes } or { save: true }; tells what comes of it. */

import { Decoder, FormatError } from './decoder/decode.js';
import { toPng } from './decoder/png.js';
import { orientationOf, toRgba } from './decoder/show.js';

const SHOWN = 2 ** 24; // pixels at most: some browsers' canvases hold no more
const PREVIEWS = 300; // milliseconds after which coarser pictures are shown on the way

let picture = null; // the last one that was decoded
const decoder = fetched('inr.wasm')
  .then((bytes) => WebAssembly.compile(bytes))
  .then((module) => new Decoder(module, (number) => fetched(`priors/${number}.npz`)));
decoder.catch(() => {}); // told when a picture is opened

async function fetched(name) {
  const response = await fetch(new URL(name, import.meta.url)).catch(() => null);
  if (!response?.ok) throw new Error(`The viewer's own file ${name} cannot be loaded`);
  return new Uint8Array(await response.arrayBuffer());
}

onmessage = async ({ data }) => {
  try {
    if (data.save) postMessage({ png: new Blob(await toPng(picture), { type: 'image/png' }) });
    else await open(data.bytes);
  } catch (error) {
    postMessage({ error: sentence(error) });
  }
};

async function open(bytes) {
  const ready = await decoder;
  const started = performance.now();
  let header = null;
  let told = started;
  picture = await ready.decode(bytes, {
    head: (found) => postMessage({ header: described((header = found)) }),
    share: (share) => {
      if (performance.now() - told > 50) postMessage({ share });
      told = performance.now();
    },
    level: (level, samples, width, height) => {
      postMessage({ share: 4 ** -level });
      if (performance.now() - started < PREVIEWS || header.mode === 'P') return;
      const alone = header.keepsAlpha || header.grey; // samples that are not those of the mode
      const shown = alone ? { ...header, mode: ['', 'L', 'LA', 'RGB'][header.coded], channels: header.coded } : header;
      show(samples, shown, null, width, height, { preview: true });
    },
  });
  const { palette, metadata, pixels } = picture;
  header = picture.header; // its channels are those of the pixels
  const orientation = orientationOf(metadata.exif);
  show(pixels, header, palette, header.width, header.height, { orientation, seconds: (performance.now() - started) / 1000 });
}

function show(pixels, header, palette, width, height, more) {
  const shown = toRgba(pixels, header, palette, width, height, SHOWN);
  postMessage({ picture: { ...shown, ...more } }, [shown.rgba.buffer]);
}

/* What of a header the page tells. */
function described({ width, height, mode, depth, model, prior, step, levels, hidden, layers, plane }) {
  const beside = { ALPH: ', alpha beside it', ENDS: ', ends beside it', TILE: ', tiles beside it' }[plane] ?? '';
  const models = {
    latent: `latent, prior ${prior}, step ${step}, ${levels} level${levels > 1 ? 's' : ''}${beside}`,
    siren: `siren, ${layers} layers of ${hidden} neurons${beside}`,
    exact: 'exact',
  };
  return { width, height, mode: depth === 16 && mode !== 'I;16' ? `${mode}, 16 bits` : mode, model: models[model] };
}

/* One clear sentence. */
function sentence(error) {
  if (error instanceof FormatError) return `This file cannot be read: ${error.message}.`;
  if (error instanceof WebAssembly.RuntimeError) return 'This file cannot be read: its bytes lead nowhere.';
  if (error instanceof WebAssembly.CompileError) return 'This browser is too old for the viewer: it has no vectors in WebAssembly.';
  return `${error.message}.`;
}
